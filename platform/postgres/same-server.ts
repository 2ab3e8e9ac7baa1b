// Finds out whether two databases are on one PostgreSQL server, and so have one write-ahead log.
import { withSession } from '#platform/postgres/pool.ts'

/**
 * The identifier of a cluster is copied with it, to a standby or a clone, so that the moment of the server's start is
 * compared as well. Every role may read both.
 */
const IDENTITY =
  'SELECT system_identifier, pg_postmaster_start_time()::text AS started FROM pg_control_system()'

/**
 * Resolves to true only when both databases are on one server: a commit in one of them that survived a crash then proves
 * that earlier commits in the other did, too. It is false when either cannot tell, and for other kinds of database.
 */
export async function isSameServer(urlA: string, urlB: string): Promise<boolean> {
  if (![urlA, urlB].every(isPostgres)) return false
  const [a, b] = await Promise.all([identify(urlA), identify(urlB)])
  return a !== undefined && a === b
}

function isPostgres(url: string): boolean {
  return /^postgres(ql)?:/.test(url)
}

/** Returns undefined when the server is away, or does not say. */
async function identify(url: string): Promise<string | undefined> {
  try {
    const { rows } = await withSession(url, session =>
      session.query<{ system_identifier: string; started: string }>(IDENTITY),
    )
    return rows[0] && `${rows[0].system_identifier} ${rows[0].started}`
  } catch {
    return undefined // whoever needs the database hears of it
  }
}
