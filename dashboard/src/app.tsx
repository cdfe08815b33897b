/** The whole: who looks is found out first, then the frame with the page that the URL names. */
import { lazy, Suspense } from 'react';
import { Route, Switch } from 'wouter';
import { Failure, Loading } from './components/notice.js';
import { useCaller } from './hooks/use-caller.js';
import { LiveContext, useLiveFigures } from './live/use-live.js';
import { Login } from './pages/login.js';
import { Lost } from './pages/lost.js';
import { Overview } from './pages/overview/overview.js';
import { Shell } from './shell/shell.js';

const Topics = lazy(() => import('./pages/topics/topics.js'));
const TopicPage = lazy(() => import('./pages/topics/topic.js'));
const Messages = lazy(() => import('./pages/messages/messages.js'));
const Subscriptions = lazy(() => import('./pages/subscriptions/subscriptions.js'));
const Letters = lazy(() => import('./pages/letters/letters.js'));
const Sessions = lazy(() => import('./pages/sessions/sessions.js'));
const Keys = lazy(() => import('./pages/keys/keys.js'));
const Audit = lazy(() => import('./pages/audit/audit.js'));
const Nodes = lazy(() => import('./pages/nodes/nodes.js'));
const Playground = lazy(() => import('./pages/playground/playground.js'));

export function App() {
  const { caller, error, refetch } = useCaller();
  if (caller === null) {
    return (
      <main className="mx-auto max-w-xl p-6">
        {error === null ? <Loading /> : <Failure error={error} retry={() => void refetch()} />}
      </main>
    );
  }
  if (caller.tenant === null) return <Login />;
  return <Console />;
}

function Console() {
  const live = useLiveFigures();
  return (
    <LiveContext value={live}>
      <Shell>
        <Suspense fallback={<Loading rows={6} />}>
          <Switch>
            <Route path="/" component={Overview} />
            <Route path="/topics" component={Topics} />
            <Route path="/topics/:name" component={TopicPage} />
            <Route path="/messages" component={Messages} />
            <Route path="/subscriptions" component={Subscriptions} />
            <Route path="/dead-letters" component={Letters} />
            <Route path="/sessions" component={Sessions} />
            <Route path="/keys" component={Keys} />
            <Route path="/audit" component={Audit} />
            <Route path="/nodes" component={Nodes} />
            <Route path="/playground" component={Playground} />
            <Route component={Lost} />
          </Switch>
        </Suspense>
      </Shell>
    </LiveContext>
  );
}
