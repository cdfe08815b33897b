/** What to do first, to be copied; each step ticks itself off once the node has seen it. */
import { useState } from 'react';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { CodeBlock } from '../../components/copy-button.js';
import { Icon } from '../../components/icon.js';
import { Tabs } from '../../components/tabs.js';
import { useCaller } from '../../hooks/use-caller.js';
import { useLive } from '../../live/use-live.js';

const NAME = 'conduit.first-run';

interface Step {
  title: string;
  isDone: boolean;
}

function wasHidden(): boolean {
  try {
    return localStorage.getItem(NAME) === 'hidden';
  } catch {
    return false;
  }
}

function curlSteps(origin: string, key: string): string[] {
  const json = '-H "Content-Type: application/json"';
  return [
    `curl -X POST ${origin}/api/topics${key} ${json} -d '{"name":"demo"}'`,
    `curl -N${key} ${origin}/api/topics/demo/events`,
    `curl -X POST ${origin}/api/publish${key} ${json} \\\n  -d '{"topic":"demo","payload":{"hello":"world"}}'`,
  ];
}

function scriptSteps(origin: string): string[] {
  const post = `method: 'POST', headers: { 'content-type': 'application/json' }`;
  return [
    `await fetch('${origin}/api/topics', {\n  ${post},\n  body: JSON.stringify({ name: 'demo' }),\n});`,
    `const ws = new WebSocket('${origin.replace('http', 'ws')}/ws');\nws.onopen = () => ws.send(JSON.stringify({ type: 'subscribe', topic: 'demo' }));\nws.onmessage = ({ data }) => console.log(data);`,
    `await fetch('${origin}/api/publish', {\n  ${post},\n  body: JSON.stringify({ topic: 'demo', payload: { hello: 'world' } }),\n});`,
  ];
}

export function FirstRun() {
  const { stats } = useLive();
  const { caller } = useCaller();
  const [language, setLanguage] = useState('curl');
  const [isHidden, setHidden] = useState(wasHidden);
  const [wasNew, setNew] = useState(false);
  if (stats === null || isHidden) return null;
  if (stats.total_messages > 0 && !wasNew) return null;
  if (!wasNew) setNew(true);
  const steps: Step[] = [
    { title: 'Create a topic', isDone: stats.active_topics > 0 },
    { title: 'Subscribe to it', isDone: stats.active_subscribers > 0 },
    { title: 'Publish a message', isDone: stats.total_messages > 0 },
  ];
  const key = caller?.auth === 'on' ? ' -H "X-API-Key: $CONDUIT_KEY"' : '';
  const hide = (): void => {
    setHidden(true);
    try {
      localStorage.setItem(NAME, 'hidden');
    } catch {
      setHidden(true);
    }
  };
  const shown = (texts: string[]) => <Steps steps={steps} texts={texts} />;
  return (
    <Card
      title={steps.every(({ isDone }) => isDone) ? 'It works' : 'Three steps to the first message'}
      className="mb-3"
      aside={
        <Button look="quiet" icon="close" onClick={hide}>
          Hide
        </Button>
      }
    >
      <Tabs
        label="Language"
        chosen={language}
        onChoose={setLanguage}
        tabs={[
          { id: 'curl', label: 'curl', content: shown(curlSteps(location.origin, key)) },
          { id: 'js', label: 'JavaScript', content: shown(scriptSteps(location.origin)) },
        ]}
      />
    </Card>
  );
}

function Steps({ steps, texts }: { steps: readonly Step[]; texts: readonly string[] }) {
  return (
    <ol className="grid grid-cols-1 gap-4 xl:grid-cols-3">
      {steps.map(({ title, isDone }, n) => (
        <li key={title} className="min-w-0">
          <p className="mb-2 flex items-center gap-2 font-medium">
            <span
              className={`grid size-6 place-items-center rounded-full text-xs ${isDone ? 'bg-good-wash text-good' : 'bg-raised text-soft'}`}
            >
              {isDone ? <Icon name="check" className="size-3.5" /> : n + 1}
            </span>
            {title}
            <span className="sr-only">{isDone ? ': done' : ': to do'}</span>
          </p>
          <CodeBlock label={title} text={texts[n] ?? ''} />
        </li>
      ))}
    </ol>
  );
}
