/** PromQL as Prometheus' own grammar reads it. */
import { parser } from '@prometheus-io/lezer-promql';

/** Where it is no PromQL, as places in the text. */
export function promqlErrors(expression: string): number[] {
  const places: number[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.type.isError) places.push(node.from);
    },
  });
  return places;
}

/** Names of series, and patterns of names, that it selects. */
export function seriesIn(expression: string): string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      const text = expression.slice(node.from, node.to);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector')
        names.push(text);
      const [, pattern] = /^__name__\s*=~\s*"(.*)"$/.exec(text) ?? [];
      if (node.name === 'UnquotedLabelMatcher' && pattern !== undefined) names.push(pattern);
    },
  });
  return names;
}
