/** The whole: who looks is found out first, then the frame with the page that the URL names. */
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Route, Switch } from 'wouter';
import { refusals, UNAUTHORIZED } from './api/ask.js';
import type { Caller } from './api/views.js';
import { Failure, Loading } from './components/notice.js';
import { CALLER_TARGET, KeptCaller, useCaller } from './hooks/use-caller.js';
import { LiveContext, useLiveFigures } from './live/use-live.js';
import { Login, LoginAgain } from './pages/login.js';
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
  const [kept, setKept] = useState<Caller | null>(null);
  // Whoever is logged in is looked at again as soon as a request is refused.
  const client = useQueryClient();
  useEffect(() => {
    const look = (): void => void client.invalidateQueries({ queryKey: [CALLER_TARGET] });
    refusals.addEventListener(UNAUTHORIZED, look);
    return () => refusals.removeEventListener(UNAUTHORIZED, look);
  }, [client]);
  useEffect(() => {
    if (caller !== null && caller.tenant !== null) setKept(caller);
  }, [caller]);
  if (caller === null) {
    return (
      <main className="mx-auto max-w-xl p-6">
        {error === null ? <Loading /> : <Failure error={error} retry={() => void refetch()} />}
      </main>
    );
  }
  const shown = caller.tenant === null ? kept : caller;
  if (shown === null) return <Login />;
  return (
    <KeptCaller value={shown}>
      <Console />
      {caller.tenant === null ? <LoginAgain was={shown} /> : null}
    </KeptCaller>
  );
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
