// Reads a folder of operation files as examples for the explorer: each operation with its fragments and variables.
import { readdir, readFile } from 'node:fs/promises'
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type TypeNode,
  visit,
} from 'graphql'
import type { ExampleOperation } from '#platform/graphql/explorer.ts'

type Variables = Readonly<Record<string, unknown>>
type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** Beside the operations: `{ "OperationName": { …variables } }`. */
const VARIABLES_FILE = 'variables.json'

/**
 * The operations of `folder`'s `.graphql` files in the order of the files' names, their fragments from any of them.
 * An operation that `variables.json` does not name gets empty values for the variables that it demands.
 */
export async function readExamples(folder: URL): Promise<readonly ExampleOperation[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.graphql')).sort()
  const files = await Promise.all(names.map(name => readFile(new URL(name, folder), 'utf8')))
  const definitions = files.flatMap(text => parse(text, { noLocation: true }).definitions)
  const fragments = new Map(
    definitions.flatMap(node =>
      node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [],
    ),
  )
  const variables = await readVariables(folder)
  return definitions.flatMap(node =>
    node.kind === Kind.OPERATION_DEFINITION && node.name
      ? [exampleOf(node, node.name.value, { fragments, variables })]
      : [],
  )
}

function exampleOf(
  operation: OperationDefinitionNode,
  name: string,
  { fragments, variables }: { readonly fragments: Fragments; readonly variables: Variables },
): ExampleOperation {
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [operation, ...usedFragments(operation, fragments)],
  }
  const given = variables[name]
  return { name, text: print(document), variables: isVariables(given) ? given : emptyVariables(operation) }
}

async function readVariables(folder: URL): Promise<Variables> {
  const text = await readFile(new URL(VARIABLES_FILE, folder), 'utf8').catch(() => '{}')
  const parsed: unknown = JSON.parse(text)
  return isVariables(parsed) ? parsed : {}
}

function isVariables(value: unknown): value is Variables {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Those that the operation cannot run without. */
function emptyVariables({ variableDefinitions = [] }: OperationDefinitionNode): Variables {
  return Object.fromEntries(
    variableDefinitions.flatMap(({ variable, type, defaultValue }) =>
      type.kind === Kind.NON_NULL_TYPE && defaultValue === undefined
        ? [[variable.name.value, emptyValue(type.type)]]
        : [],
    ),
  )
}

function emptyValue(type: TypeNode): unknown {
  if (type.kind === Kind.LIST_TYPE) return []
  if (type.kind === Kind.NON_NULL_TYPE) return emptyValue(type.type)
  const { value } = type.name
  if (value === 'Int' || value === 'Float') return 0
  if (value === 'Boolean') return false
  return value.endsWith('Input') || value.endsWith('Filter') ? {} : ''
}

/** In the order in which they are met, each once. */
function usedFragments(operation: OperationDefinitionNode, fragments: Fragments): FragmentDefinitionNode[] {
  const used = new Map<string, FragmentDefinitionNode>()
  const follow = (node: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(node, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value)
        if (fragment === undefined || used.has(name.value)) return
        used.set(name.value, fragment)
        follow(fragment)
      },
    })
  }
  follow(operation)
  return [...used.values()]
}
