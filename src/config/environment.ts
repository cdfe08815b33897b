/** The process's environment as it is read: names to text. A name that is absent has no value. */
export type Environment = Readonly<Record<string, string | undefined>>;
