// Lists the schema objects of a database by name, to compare what migrations created.
import pg from 'pg'

const OBJECTS = `
  SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'i', 'S', 'v')
  UNION ALL SELECT n.nspname || '.' || p.proname || '()' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT n.nspname || '.' || s.stxname || ' (statistics)' FROM pg_statistic_ext s
   JOIN pg_namespace n ON n.oid = s.stxnamespace
  ORDER BY 1`

/** Returns tables, indexes, functions and statistics of the database at `url` in order; duplicates appear twice. */
export async function readSchemaObjects(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<{ name: string }>(OBJECTS)).rows.map(({ name }) => name)
  } finally {
    await client.end()
  }
}
