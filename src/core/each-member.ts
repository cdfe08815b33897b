/** An object with the members of another one, each made of its name. */
export function eachMember<K extends string, V>(
  of: Readonly<Record<K, unknown>>,
  make: (name: NoInfer<K>) => V,
): Record<K, V> {
  const names = Object.keys(of) as K[];
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, V>;
}
