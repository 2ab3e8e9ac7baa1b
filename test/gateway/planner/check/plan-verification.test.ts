import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { createPlanVerifier } from '#gateway/planner/check/plan-verification.ts'
import type { PlanNode, RequiredSelection } from '#gateway/planner/plan/query-plan.ts'
import { composed, FEDERATION_2 } from '#test/gateway/conformance/in-process-federation.ts'

const verify = createPlanVerifier(
  composed({
    feed: {
      sdl: `${FEDERATION_2}
        type Query { feed: [Entry] sure: Int! name: String! }
        interface Entry { id: ID! cover: Picture }
        type Film implements Entry { id: ID! cover: Picture }
        type Post implements Entry { id: ID! cover: Picture }
        type Picture @key(fields: "id") { id: ID! }`,
    },
    pictures: {
      sdl: `${FEDERATION_2} type Picture @key(fields: "id") { id: ID! url(size: String): String title: String }`,
    },
  }),
)

const flawOf = (operation: string, plan: PlanNode | undefined) => verify(plan, parse(operation)).flaw
const root = (operation: string): PlanNode => ({ kind: 'Fetch', serviceName: 'feed', operation })
const ID: RequiredSelection = { kind: 'Field', name: 'id' }

function pictures(selected: string, type?: string, requires: readonly RequiredSelection[] = [ID]): PlanNode {
  return {
    kind: 'Flatten',
    path: [
      { Field: 'feed' },
      '@',
      ...(type === undefined ? [] : [{ TypeCondition: [type] }]),
      { Field: 'cover' },
    ],
    node: {
      kind: 'Fetch',
      serviceName: 'pictures',
      operation: `query($representations:[_Any!]!){_entities(representations:$representations){...on Picture{${selected}}}}`,
      requires: [{ kind: 'InlineFragment', typeCondition: 'Picture', selections: [...requires] }],
    },
  }
}
const inTurn = (...nodes: PlanNode[]): PlanNode => ({ kind: 'Sequence', nodes })
const COVERS = root('{feed{__typename cover{__typename id}}}')

describe('a plan is correct', () => {
  test.each<[string, string, PlanNode]>([
    ['when one request selects all fields', '{ feed { id } }', root('{feed{__typename id}}')],
    ['when it uses named fragments', '{ feed { id } }', root('{feed{...a}} fragment a on Entry{id}')],
    ['when another subgraph adds fields', '{ feed { cover { url } } }', inTurn(COVERS, pictures('url'))],
    [
      'when it selects by type',
      '{ feed { ... on Film { cover { url(size: "L") } } ... on Post { cover { title } } } }',
      inTurn(COVERS, pictures('url(size:"L")', 'Film'), pictures('title', 'Post')),
    ],
    [
      'when it fetches under the same conditions as the operation',
      'query ($a: Boolean!) { feed { cover { url @include(if: $a) } } }',
      inTurn(COVERS, { kind: 'Condition', condition: 'a', ifClause: pictures('url') }),
    ],
  ])('%s', (_, operation, plan) => expect(flawOf(operation, plan)).toBeUndefined())
})

describe('a plan is wrong', () => {
  test.each<[string, string, PlanNode | undefined, string]>([
    ['when it misses a field', '{ feed { id } }', root('{feed{__typename}}'), 'leaves out .feed.id of Film'],
    ['when there is none', '{ feed { id } }', undefined, 'leaves out .feed of Query'],
    [
      'when it covers only one of the types',
      '{ feed { cover { url } } }',
      inTurn(COVERS, pictures('url', 'Film')),
      'leaves out .feed.cover.url of Picture',
    ],
    [
      'when it has other arguments',
      '{ feed { cover { url(size: "L") } } }',
      inTurn(COVERS, pictures('url(size:"S")')),
      'leaves out .feed.cover.url of Picture',
    ],
    [
      'when it has two fields under one name',
      '{ feed { ... on Film { cover { url(size: "L") } } ... on Post { cover { url(size: "S") } } } }',
      inTurn(COVERS, pictures('url(size:"L")'), pictures('url(size:"S")')),
      'fetches different things as .feed.cover.url of Picture',
    ],
    [
      'when a key was not fetched',
      '{ feed { cover { url } } }',
      inTurn(root('{feed{cover{__typename}}}'), pictures('url')),
      'leaves out .feed.cover.url of Picture',
    ],
    [
      'when no key is sent',
      '{ feed { cover { url } } }',
      inTurn(
        root('{feed{cover{__typename key:id}}}'),
        pictures('url', undefined, [{ kind: 'Field', name: 'key' }]),
      ),
      'leaves out .feed.cover.url of Picture',
    ],
    [
      'when it has another condition',
      'query ($a: Boolean!) { feed { cover { url @skip(if: $a) } } }',
      inTurn(COVERS, { kind: 'Condition', condition: 'a', ifClause: pictures('url') }),
      'leaves out .feed.cover.url of Picture',
    ],
    [
      'when it fetches a skipped field whose failure would null its siblings',
      'query ($a: Boolean!) { sure @skip(if: $a) feed { id } }',
      root('{sure feed{__typename id}}'),
      'fetches .sure of Query where it is skipped',
    ],
    [
      'when it does so next to entity fetches',
      'query ($a: Boolean!) { feed { cover { url } } name @skip(if: $a) }',
      inTurn(root('{name feed{cover{__typename id}}}'), pictures('url')),
      'fetches .name of Query where it is skipped',
    ],
    [
      'when it does not fetch a type on which the response depends',
      '{ feed { ... on Film { id } } }',
      root('{feed{...on Film{id}}}'),
      'does not fetch the type of .feed',
    ],
  ])('%s', (_, operation, plan, flaw) => expect(flawOf(operation, plan)).toBe(`the plan ${flaw}`))

  test('when it has too many conditions to verify', () => {
    const names = Array.from({ length: 11 }, (_, index) => `$v${index}`)
    const operation = `query (${names.map(name => `${name}: Boolean!`).join()}) {
      feed { ${names.map((name, index) => `a${index}: id @include(if: ${name})`).join(' ')} }
    }`
    expect(flawOf(operation, root('{feed{id}}'))).toMatch('too many conditions')
  })
})
