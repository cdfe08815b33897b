/** Where the page begins. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { mayRetry } from './hooks/use-answer.js';
import { mendLanguage } from './language.js';
import { fetchPageOf } from './page-files.js';
import './styles.css';

mendLanguage();
fetchPageOf(location.pathname);

const client = new QueryClient({
  defaultOptions: { queries: { retry: mayRetry, retryDelay: 500, refetchOnWindowFocus: true } },
});

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>,
  );
}
