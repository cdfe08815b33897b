export class PostgresLog { constructor(_o: unknown) { throw new Error('soon'); } }
