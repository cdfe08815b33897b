/** The whole: who looks is found out first, then the frame with the page that the URL names. */
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, Suspense, useEffect, useState } from 'react';
import { Route, Switch } from 'wouter';
import { refusals, UNAUTHORIZED } from './api/ask.js';
import type { Caller } from './api/views.js';
import { Failure, Loading } from './components/notice.js';
import { CALLER_TARGET, KeptCaller, useCaller } from './hooks/use-caller.js';
import { LiveContext, useLiveFigures } from './live/use-live.js';
import { fetchOtherPages, PAGE_FILES, Page } from './page-files.js';
import { Login, LoginAgain } from './pages/login.js';
import { Lost } from './pages/lost.js';
import { Overview } from './pages/overview/overview.js';
import { Shell } from './shell/shell.js';

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
  useEffect(fetchOtherPages, []);
  return (
    <LiveFigures>
      <Shell>
        <Suspense fallback={<Loading rows={6} />}>
          <Switch>
            <Route path="/" component={Overview} />
            {PAGE_FILES.map((file) => (
              <Route key={file.path} path={file.path}>
                <Page file={file} />
              </Route>
            ))}
            <Route component={Lost} />
          </Switch>
        </Suspense>
      </Shell>
    </LiveFigures>
  );
}

/** Apart from what it is around: each second only those are drawn again that show figures. */
function LiveFigures({ children }: { children: ReactNode }) {
  return <LiveContext value={useLiveFigures()}>{children}</LiveContext>;
}
