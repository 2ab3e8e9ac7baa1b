// deploy/postgres/databases.sql on a real PostgreSQL: each service gets into its own database, and into no other.
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '#test/database.ts'
import { readProject } from '#test/deploy/compose.ts'
import { readText } from '#test/deploy/files.ts'

const NAMES = ['orders', 'inventory', 'payment', 'shipping', 'bus']
const PASSWORDS = Object.fromEntries(NAMES.map(name => [`${name.toUpperCase()}_PASSWORD`, `it's ${name}'s`]))

let server: URL

/** What psql does of it: `\getenv variable NAME` reads the environment, `:'variable'` is put in as a literal. */
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
  await ask(server, ...NAMES.flatMap(name => [`DROP DATABASE ${name}`, `DROP ROLE ${name}`]))
})

test.each(NAMES)('%s may make its tables in its own database', async name => {
  await expect(
    ask(
      urlFor(name, name),
      'CREATE SCHEMA tried',
      'CREATE TABLE tried.rows (id int)',
      'DROP SCHEMA tried CASCADE',
    ),
  ).resolves.toBeUndefined()
})

test.each(NAMES)('%s may enter no other database', async name => {
  for (const other of [...NAMES, 'postgres'].filter(database => database !== name))
    await expect(ask(urlFor(name, other)), other).rejects.toThrow(/permission denied for database/)
})

test('compose names these accounts and databases, each with the password that it was made with', () => {
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
    [environment.DATABASE_URL, environment.EVENT_BUS_URL].flatMap(value =>
      value ? new URL(String(value)) : [],
    ),
  )
  expect(new Set(urls.map(({ pathname }) => pathname.slice(1)))).toEqual(new Set(NAMES))
  for (const { username, password, pathname } of urls) {
    expect(username).toBe(pathname.slice(1))
    expect(password).toBe(username)
  }
})
