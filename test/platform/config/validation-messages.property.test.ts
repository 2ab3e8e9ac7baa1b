// Whatever a variable or a settings file holds, what is said of it is in our words, names its place, and shows no secret.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'
import { readStartSettings } from '#start/settings.ts'
import { SERVICE_NAMES } from '#start/topology.ts'
import { checkEnvironment, variablesOf } from '#test/deploy/variables.ts'

const LIBRARY_WORDS = /expected|received|invalid|\bNaN\b|too (small|big)|\bzod\b|ENOENT|undefined|<=|>=/i
const PROBLEM = /^ {2}[A-Z][A-Z0-9_]*: (is not set|is empty|holds ".*"); \S/s

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    'x',
    '-1',
    '0',
    '0.5',
    '1e999',
    'true',
    'http://',
    'http://[',
    'postgres:',
    '\u0001',
    '65536',
  ),
  fc.constantFrom(
    'redis://a,redis://',
    'kafka://b?partitions=x',
    'consul://',
    'dns://x',
    'temporal:',
    '999999999999',
  ),
)

/** The lines of what is said of a value, without what it holds. */
function saidOf(read: () => unknown): string[] {
  try {
    read()
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError)
    const message = error instanceof Error ? error.message : ''
    return message.replaceAll(/(?<=: holds ").*(?="; )/g, '…').split('\n')
  }
}

function expectOurWords(lines: readonly string[]): void {
  for (const line of lines) expect(line).not.toMatch(LIBRARY_WORDS)
  for (const line of lines.slice(1)) expect(line).toMatch(PROBLEM)
}

describe.each(SERVICE_NAMES)('%s', service => {
  test.each([...variablesOf(service)])('describes what is wrong with %s in its own words', name => {
    fc.assert(
      fc.property(anyText, value => {
        expectOurWords(saidOf(() => checkEnvironment(service, { [name]: value })))
      }),
      { numRuns: 30 },
    )
  })
})

describe('npm start', () => {
  const names = new Set<string>()
  const env = { get: (_: object, name: string) => void names.add(name) }
  readStartSettings(new Proxy<Record<string, string>>({}, env))

  test.each([...names])('describes what is wrong with %s in its own words', name => {
    fc.assert(
      fc.property(anyText, value => {
        expectOurWords(saidOf(() => readStartSettings({ [name]: value })))
      }),
      { numRuns: 30 },
    )
  })
})

test('an invalid trace endpoint is described in our own words', async () => {
  for (const endpoint of ['x', 'ftp://here', 'http://'])
    await expect(startTracing({ service: 'any', endpoint })).rejects.toThrow(
      `OTEL_EXPORTER_OTLP_ENDPOINT: holds "${endpoint}"; should hold a URL such as http://127.0.0.1:4318`,
    )
})

test("any invalid part of the gateway's settings is described in our own words", () => {
  const sections = [
    'limits',
    'everySubgraph',
    'subgraphs',
    'errors',
    'introspection',
    'shareQueries',
  ] as const
  const more = [
    'subscriptions',
    'reload',
    'authorization',
    'cost',
    'persisted',
    'rateLimit',
    'sproket',
  ] as const
  const value = fc.oneof(
    fc.constantFrom(
      null,
      true,
      -1,
      0,
      0.5,
      1e9,
      'x',
      [],
      {},
      { depth: -1 },
      { sproket: 1 },
      { capacity: 'x' },
    ),
    fc.constantFrom(
      { timeoutMs: 0 },
      { pollMs: -1 },
      { mode: 'loud' },
      { any: { urls: [{}] } },
      { balance: 'x' },
    ),
  )
  fc.assert(
    fc.property(fc.constantFrom(...sections, ...more), value, (section, held) => {
      for (const line of saidOf(() => readSettings({ [section]: held })))
        expect(line).not.toMatch(LIBRARY_WORDS)
    }),
    { numRuns: 300 },
  )
})
