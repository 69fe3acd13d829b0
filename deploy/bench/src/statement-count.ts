import pg from 'pg'

/** One kind of statement that a role sent. */
export interface StatementCount {
  readonly text: string
  readonly calls: number
  /** Rows returned, or changed. */
  readonly rows: number
}

/** Counts statements with pg_stat_statements, which must be in this database. */
export interface StatementCounter {
  /** Forgets what was counted. */
  reset(): Promise<void>
  /** What a role has sent since. */
  read(role: string): Promise<StatementCount[]>
  close(): Promise<void>
}

/** Opens a counter with a superuser's URL. */
export async function openStatementCounter(adminUrl: string): Promise<StatementCounter> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  return {
    reset: async () => void (await client.query('select pg_stat_statements_reset()')),
    read: async (role) => {
      const { rows } = await client.query<StatementCount>(
        `select s.query as text, s.calls::int, s.rows::int from pg_stat_statements s
         where s.userid = (select oid from pg_roles where rolname = $1)
           and s.dbid = (select oid from pg_database where datname = current_database())`,
        [role]
      )
      return rows
    },
    close: () => client.end()
  }
}

/** Adds up the calls of those statements whose text matches. */
export function callsOf(counts: readonly StatementCount[], pattern: RegExp): number {
  return counts.filter(({ text }) => pattern.test(text)).reduce((sum, { calls }) => sum + calls, 0)
}
