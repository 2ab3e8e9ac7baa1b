import { readFile } from 'node:fs/promises'
import { buildSubgraphSchema } from '@apollo/subgraph'
import graphqlEslint from '@graphql-eslint/eslint-plugin'
import { type ESLint, Linter } from 'eslint'
import { parse, printSchema } from 'graphql'
import { expect, test } from 'vitest'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { publicSchema, readSubgraphs } from '#tools/schema/compose.ts'

const ROOT = new URL('../../', import.meta.url)
const readSdl = (name: string) => readFile(new URL(`schema/${name}.graphql`, ROOT), 'utf8')

type Rules = Linter.RulesRecord

const RULES: Rules = {
  ...graphqlEslint.configs['flat/schema-recommended'].rules,
  ...graphqlEslint.configs['flat/schema-relay'].rules,
  // A description of one line is written in one line, a longer one as a block.
  '@graphql-eslint/description-style': 'off',
  // Values such as Money have no identity. A type of a BFF has an id exactly when it implements Node.
  '@graphql-eslint/strict-id-in-types': 'off',
  // A list that is short and complete by its nature, such as the lines of an order, is a plain list.
  '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],
}

/** The gateway finds an entity by its @key, and has no Node. */
const RULES_WITHOUT_NODE: Rules = {
  ...RULES,
  '@graphql-eslint/relay-edge-types': [
    'error',
    { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false },
  ],
}

// Its types are those of an earlier ESLint.
const plugin = graphqlEslint as unknown as ESLint.Plugin

/** Returns what the rules say about an SDL. `schema` is the whole graph with all of its directives defined. */
function lint(sdl: string, rules: Rules, schema = sdl): string[] {
  const problems = new Linter().verify(
    sdl,
    {
      files: ['**/*.graphql'],
      plugins: { '@graphql-eslint': plugin },
      languageOptions: { parser: graphqlEslint.parser, parserOptions: { graphQLConfig: { schema } } },
      rules,
    },
    { filename: 'graph.graphql' },
  )
  return problems.map(({ line, message, ruleId }) => `${line}: ${message} (${ruleId})`)
}

test('the linter finds what the rules forbid', () => {
  const sdl = `
    "The root." type Query { "All." getThings: ThingConnection! }
    "A page." type ThingConnection { "The things." edges: [Int!]! }
    "Never used." type Lost { "A number." Number: Int @deprecated }
  `
  const found = lint(sdl, RULES).map(problem => /\/([\w-]+)\)$/.exec(problem)?.[1])
  expect(new Set(found.toSorted())).toEqual(
    new Set([
      ...['naming-convention', 'no-unreachable-types', 'relay-arguments', 'relay-connection-types'],
      ...['relay-edge-types', 'relay-page-info', 'require-deprecation-reason'],
    ]),
  )
})

test.each(['bff-web', 'bff-mobile'])('%s holds to the rules', async name => {
  expect(lint(await readSdl(name), RULES)).toEqual([])
})

test.each(SUBGRAPHS)('the subgraph %s holds to the rules', async name => {
  const sdl = await readSdl(`subgraphs/${name}`)
  expect(lint(sdl, RULES_WITHOUT_NODE, printSchema(buildSubgraphSchema(parse(sdl))))).toEqual([])
})

test('the public graph holds to the rules', async () => {
  expect(lint(printSchema(publicSchema(await readSubgraphs())), RULES_WITHOUT_NODE)).toEqual([])
})
