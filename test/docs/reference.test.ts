import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Kind, parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { CALLER_CODES } from '#platform/domain/errors.ts'
import { scenarioOf as carrierScenario } from '#subgraphs/shipping/adapters/sandbox-scenarios.ts'
import {
  anchorsOf,
  type Block,
  blocksOf,
  codeWords,
  firstColumn,
  linksOf,
  PAGES,
  ROOT,
  readPage,
  sectionOf,
} from '#test/docs/pages.ts'
import { DIFFERENCE_KINDS } from '#tools/reconcile/compare.ts'

/** Every source file, tests and schemas included, relative to the project. */
const FILES = globSync(
  '{bench,bff,bff-mobile,bff-web,clients,deploy,docs,gateway,platform,schema,start,subgraphs,test,testbed,tools}/**/*.{ts,mjs,graphql}',
  { cwd: ROOT },
)
const SOURCES = globSync('{platform,subgraphs,gateway,bff,bff-web,bff-mobile,start,tools}/**/*.ts', {
  cwd: ROOT,
})

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

/** Returns each word once, in alphabetical order. */
function words(found: Iterable<string>): string[] {
  return [...new Set(found)].sort()
}

/** Returns what `pattern` captures in the sources under `folders`. */
function captured(pattern: RegExp, ...folders: string[]): string[] {
  return SOURCES.filter(file => folders.length === 0 || folders.some(folder => file.startsWith(folder)))
    .flatMap(file => [...read(file).matchAll(pattern)])
    .flatMap(([, word]) => word ?? [])
}

test.each(PAGES)('the links of %s lead somewhere', page => {
  const broken = linksOf(readPage(page)).filter(target => !leadsSomewhere(page, target))
  expect(broken).toEqual([])
})

test('the README leads to the index, and the index leads to every page', () => {
  const linkedFrom = (page: string) =>
    linksOf(readPage(page)).map(target => path.join(path.dirname(page), target.split('#')[0] ?? ''))
  expect(linkedFrom('README.md')).toContain('docs/README.md')
  expect(
    PAGES.filter(page => page !== 'docs/README.md' && !linkedFrom('docs/README.md').includes(page)),
  ).toEqual([])
})

test.each(
  PAGES.flatMap(page => blocksOf(readPage(page)).map(block => ({ page, ...quotationIn(block) }))).filter(
    ({ file }) => file !== undefined,
  ),
)('the code that $page quotes from $file stands in that file', ({ file = '', text }) => {
  expect(read(file)).toContain(text)
})

/** A block that is marked `from=FILE` quotes that file. */
function quotationIn({ marks, text }: Block): { file: string | undefined; text: string } {
  return { file: marks.find(mark => mark.startsWith('from='))?.slice('from='.length), text }
}

test.each(PAGES)('the source files that %s names exist', page => {
  const named = codeWords(readPage(page)).filter(word => /^[\w./-]*\w\.(ts|mjs|graphql)$/.test(word))
  expect(named.filter(word => !FILES.some(file => `/${file}`.endsWith(`/${word}`)))).toEqual([])
})

function leadsSomewhere(page: string, target: string): boolean {
  const [file = '', fragment] = target.split('#')
  const linked = file === '' ? page : path.join(path.dirname(page), file)
  if (!existsSync(path.join(ROOT, linked))) return false
  return fragment === undefined || anchorsOf(readPage(linked)).includes(fragment)
}

test('the configuration reference names the variables that are read, and no others', () => {
  const schemas = /^ {2,4}([A-Z][A-Z0-9_]+): (?:z\b|[a-z]\w*(?:\(|\.\w+\(|,$))/gm
  const inSchemas = captured(schemas)
  const direct = captured(/\benv\.([A-Z][A-Z0-9_]+)\b(?! (?:\?\?)?= )/g) // an assignment is no read
  expect(inSchemas.length).toBeGreaterThan(20)
  expect(words(firstColumn(readPage('docs/reference/configuration.md')))).toEqual(
    words([...inSchemas, ...direct]),
  )
})

describe('the errors reference', () => {
  const page = readPage('docs/reference/errors.md')
  const refusals = firstToLast(sectionOf(page, 'Refusals of the public mutations'))

  test('lists the codes that callers get, with their HTTP status', () => {
    const rows = [...sectionOf(page, 'Codes in `extensions.code`').matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)]
    const listed = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))
    expect(listed).toEqual({ ...CALLER_CODES, INTERNAL: 500 })
  })

  test('names every code that a source gives an error of GraphQL, and no others', () => {
    const given = captured(/\bextensions: \{ (?:\.\.\.[\w.]+, )?code: '([A-Z_]+)'/g)
    const named = codeWords(sectionOf(page, 'Codes in `extensions.code`')).filter(word => isCode(word))
    expect(given.length).toBeGreaterThan(5)
    expect(words(named)).toEqual(words([...Object.keys(CALLER_CODES), ...given, 'INTERNAL']))
  })

  test('lists the codes that operators get, and no others', () => {
    const thrown = captured(/(?:OperatorError|toUnreachable)\(\s*'([A-Z_]+)'/g)
    const ofTheStart = captured(/\bcode: '([A-Z_]+)'/g, 'start/supervisor.ts')
    expect(words(firstColumn(sectionOf(page, 'Codes for operators')))).toEqual(
      words([...thrown, ...ofTheStart]),
    )
  })

  test('lists every refusal of the public mutations with the mutations that answer it', () => {
    expect(words(refusals.map(([type]) => type ?? ''))).toEqual(words(publicRefusals().keys()))
    for (const [type = '', mutations = ''] of refusals)
      expect(
        words(mutations.split(', ').filter(name => name !== 'checkout')),
        `mutations that answer ${type}`,
      ).toEqual(words(publicRefusals().get(type) ?? []))
  })

  test('lists the codes of refusals, and no others', () => {
    const listed = codeWords(
      refusals.map(row => row[2] ?? '').join() + sectionOf(page, 'Refusals between the services'),
    )
    expect(words(listed.filter(isCompoundCode))).toEqual(words(refusalsIn('subgraphs/')))
  })

  test('lists a refusal between the services beside the service that gives it', () => {
    const rows = [...sectionOf(page, 'Refusals between the services').matchAll(/^\| (\w+) \| (`.*) \|$/gm)]
    expect(rows.map(([, service]) => service)).toEqual(['orders', 'inventory', 'payment', 'shipping'])
    for (const [, service = '', codes = ''] of rows)
      expect(refusalsIn(`subgraphs/${service}/`), service).toEqual(expect.arrayContaining(codeWords(codes)))
  })
})

/** Returns the codes of refusals in the sources under `folder`. */
function refusalsIn(folder: string): string[] {
  const lines = captured(/(\bcode: .*|\bno\(\s*'.*)$/gm, folder)
  return lines.flatMap(line => line.match(/(?<=')[A-Z]+(?:_[A-Z]+)+(?=')/g) ?? [])
}

function isCode(word: string): boolean {
  return /^[A-Z]+(_[A-Z]+)*$/.test(word)
}

function isCompoundCode(word: string): boolean {
  return /^[A-Z]+(_[A-Z]+)+$/.test(word)
}

/** Returns the rows of a table without its head: those whose first cell holds a code word. */
function firstToLast(markdown: string): string[][] {
  return [...markdown.matchAll(/^\| `(\w+)` \| ([^|]*) \| (.*) \|$/gm)].map(row => row.slice(1))
}

/** Returns the refusal types of the four public graphs, with the mutations whose result may be one. */
function publicRefusals(): Map<string, Set<string>> {
  const definitions = globSync('schema/subgraphs/*.graphql', { cwd: ROOT })
    .flatMap(file => parse(read(file)).definitions)
    .filter(
      definition =>
        !(
          'directives' in definition &&
          definition.directives?.some(({ name }) => name.value === 'inaccessible')
        ),
    )
  const refusals = new Set(
    definitions.flatMap(definition =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION &&
      definition.interfaces?.some(({ name }) => name.value === 'Refusal')
        ? definition.name.value
        : [],
    ),
  )
  const members = new Map(
    definitions.flatMap(definition =>
      definition.kind === Kind.UNION_TYPE_DEFINITION
        ? [[definition.name.value, (definition.types ?? []).map(({ name }) => name.value)] as const]
        : [],
    ),
  )
  const answers = new Map<string, Set<string>>()
  for (const definition of definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue
    if (definition.name.value !== 'Mutation' && definition.name.value !== 'Query') continue
    for (const field of definition.fields ?? []) {
      if (field.directives?.some(({ name }) => name.value === 'inaccessible')) continue
      const type = field.type.kind === Kind.NON_NULL_TYPE ? field.type.type : field.type
      const union = type.kind === Kind.NAMED_TYPE ? (members.get(type.name.value) ?? []) : []
      for (const member of union.filter(name => refusals.has(name)))
        answers.set(member, (answers.get(member) ?? new Set()).add(field.name.value))
    }
  }
  return answers
}

describe('the sandbox reference', () => {
  const page = readPage('docs/reference/sandbox.md')

  test('lists the test tokens that the sandbox provider knows, and no others', () => {
    const source = read('subgraphs/payment/adapters/sandbox-scenarios.ts')
    const cards = [...source.matchAll(/^ {2}(tok_\w+):/gm)].flatMap(([, token]) => token ?? [])
    const prefixes = [...source.matchAll(/startsWith\('(\w+_)'\)/g)].map(([, prefix]) => `${prefix}…`)
    expect(cards.length).toBeGreaterThan(5)
    expect(words(firstColumn(sectionOf(page, 'Payment: tokens')))).toEqual(words([...cards, ...prefixes]))
  })

  test('lists the words that the sandbox carrier heeds, and no others', () => {
    const source = read('subgraphs/shipping/adapters/sandbox-scenarios.ts')
    const heeded = [...source.matchAll(/says\('(\w+)'\)/g)].flatMap(([, word]) => word ?? [])
    const listed = firstColumn(sectionOf(page, 'Carrier: words in `deliveryInstructions`'))
    expect(words(listed)).toEqual(words(heeded))
    for (const word of listed) expect(carrierScenario(word), word).not.toEqual(carrierScenario(null))
  })
})

test('the page on operation names every kind of difference that the reconciler reports', () => {
  const section = sectionOf(readPage('docs/how-to/operate.md'), 'Reconcile')
  const listed = firstColumn(section)
  expect(words(listed)).toEqual(words(Object.keys(DIFFERENCE_KINDS)))
})

test('the page on imports names every member of a mapping', () => {
  const page = readPage('docs/how-to/import-orders.md')
  const members = ['olist', 'northwind'].flatMap(name =>
    membersOf(JSON.parse(read(`tools/import/mappings/${name}.json`))),
  )
  expect(members.length).toBeGreaterThan(20)
  expect(
    words(members).filter(member => !page.includes(`\`${member}\``) && !page.includes(`"${member}"`)),
  ).toEqual([])
})

/** Returns the names of all members but those of maps, which are data. */
function membersOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return []
  return Object.entries(part).flatMap(([name, member]) =>
    name === 'map' || name === 'replace'
      ? [name]
      : name === 'lookups'
        ? [name]
        : [name, ...membersOf(member)],
  )
}
