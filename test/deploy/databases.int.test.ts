// Runs deploy/postgres/databases.sql on a real PostgreSQL: each service may enter its own database and no other.
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readProject } from '#test/deploy/compose.ts'
import { readText } from '#test/deploy/files.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'

/** Passwords by account. */
const DATABASES: Readonly<Record<string, readonly string[]>> = {
  orders: ['orders'],
  inventory: ['inventory'],
  payment: ['payment'],
  shipping: ['shipping'],
  temporal: ['temporal', 'temporal_visibility'],
}
const NAMES = Object.keys(DATABASES)
const PASSWORDS = Object.fromEntries(NAMES.map(name => [`${name.toUpperCase()}_PASSWORD`, `it's ${name}'s`]))

let server: URL

/** Runs the script as psql does: `\getenv variable NAME` reads the environment, `:'variable'` becomes a literal. */
function statementsOf(script: string, env: Readonly<Record<string, string>>): string[] {
  const variables = new Map(
    [...script.matchAll(/^\\getenv (\w+) (\w+)$/gm)].map(([, name, from = '']) => [name, env[from]]),
  )
  const literal = (name: string) => {
    const value = variables.get(name)
    if (value === undefined) throw new Error(`${name} is not in the environment`)
    return pg.escapeLiteral(value)
  }
  return script
    .replace(/^(--|\\getenv).*$/gm, '')
    .replace(/:'(\w+)'/g, (_, name: string) => literal(name))
    .split(';')
    .map(statement => statement.trim())
    .filter(Boolean)
}

async function ask(url: URL, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

function urlFor(account: string, database: string): URL {
  const url = new URL(server)
  url.username = account
  url.password = encodeURIComponent(PASSWORDS[`${account.toUpperCase()}_PASSWORD`] ?? '')
  url.pathname = `/${database}`
  return url
}

beforeAll(async () => {
  server = new URL(await freshDatabase())
  await ask(server, ...statementsOf(readText('deploy/postgres/databases.sql'), PASSWORDS))
})

afterAll(async () => {
  await ask(server, ...Object.values(DATABASES).flatMap(names => names.map(name => `DROP DATABASE ${name}`)))
  await ask(server, ...NAMES.map(name => `DROP ROLE ${name}`))
})

test.each(NAMES)('%s may create its tables in its own databases', async name => {
  for (const database of DATABASES[name] ?? [])
    await expect(
      ask(
        urlFor(name, database),
        'CREATE SCHEMA tried',
        'CREATE TABLE tried.rows (id int)',
        'DROP SCHEMA tried CASCADE',
      ),
    ).resolves.toBeUndefined()
})

test.each(NAMES)('%s may enter no other database', async name => {
  for (const other of [...Object.values(DATABASES).flat(), 'postgres'].filter(
    database => !DATABASES[name]?.includes(database),
  ))
    await expect(ask(urlFor(name, other)), other).rejects.toThrow(/permission denied for database/)
})

test('compose names these accounts and databases with the passwords that they were created with', () => {
  const env = new Proxy<Record<string, string>>(
    {},
    {
      get: (_, name) =>
        String(name)
          .toLowerCase()
          .replace(/_password$/, ''),
    },
  )
  const { services } = readProject('trial', env)
  const urls = Object.values(services).flatMap(({ environment = {} }) =>
    environment.DATABASE_URL ? new URL(String(environment.DATABASE_URL)) : [],
  )
  const { environment: temporal = {} } = services.temporal ?? {}
  expect([...urls.map(({ username }) => username), temporal.POSTGRES_USER].sort()).toEqual(NAMES.toSorted())
  for (const { username, password, pathname } of urls) {
    expect(username).toBe(pathname.slice(1))
    expect(password).toBe(username)
  }
  expect([temporal.DBNAME, temporal.VISIBILITY_DBNAME]).toEqual(DATABASES.temporal)
  expect(temporal.POSTGRES_PWD).toBe('temporal')
})
