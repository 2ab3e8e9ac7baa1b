// An explorer whose examples are a folder of operation files, and whose sample token is of the caller named there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type DocumentNode, Kind, type OperationDefinitionNode, parse, print, type TypeNode } from 'graphql'
import { sampleToken } from '#platform/auth/sample-token.ts'
import { isRole } from '#platform/auth/viewer.ts'
import { isObject, type UnknownObject } from '#platform/domain/json.ts'
import { type Fragments, fragmentsOf, usedFragments } from '#platform/graphql/documents/fragments.ts'
import { type ExampleOperation, mountExplorer } from '#platform/graphql/explorer/explorer.ts'
import type { HttpServer } from '#platform/http/server.ts'

/** Beside the operations: `{ "OperationName": { …variables } }`. */
const VARIABLES_FILE = 'variables.json'
/** Beside the operations: whom the sample token is for, `{ "role": …, "subject": … }`. */
const CALLER_FILE = 'caller.json'

export type ExampleFolder = {
  readonly title: string
  /** With a slash at its end. One that is not there has no examples. */
  readonly folder: URL
  /** The key set that tokens are checked with. A sample token is of the embedded issuer, if this is its. */
  readonly jwks: URL
}

/** `mountExplorer` at `/graphiql` with what the folder holds. For development, before `http.listen`. */
export function mountExamples(http: HttpServer, { title, folder, jwks }: ExampleFolder): void {
  const { role, subject } = readFields(new URL(CALLER_FILE, folder))
  const token =
    isRole(role) && typeof subject === 'string' ? () => sampleToken(jwks, { role, subject }) : undefined
  mountExplorer(http, { title, operations: readExamples(folder), ...(token && { token }) })
}

/**
 * The operations of `folder`'s `.graphql` files in the order of the files' names, their fragments from any of them.
 * An operation that `variables.json` does not name gets empty values for the variables that it demands.
 */
export function readExamples(folder: URL): readonly ExampleOperation[] {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter(name => name.endsWith('.graphql'))
  const definitions = files
    .sort()
    .flatMap(name => parse(readFileSync(new URL(name, folder), 'utf8'), { noLocation: true }).definitions)
  const fragments = fragmentsOf({ definitions })
  const variables = readFields(new URL(VARIABLES_FILE, folder))
  return definitions.flatMap(node =>
    node.kind === Kind.OPERATION_DEFINITION && node.name
      ? [exampleOf(node, node.name.value, { fragments, variables })]
      : [],
  )
}

function exampleOf(
  operation: OperationDefinitionNode,
  name: string,
  { fragments, variables }: { readonly fragments: Fragments; readonly variables: UnknownObject },
): ExampleOperation {
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [operation, ...usedFragments(operation, fragments)],
  }
  const given = variables[name]
  return { name, text: print(document), variables: isObject(given) ? given : emptyVariables(operation) }
}

function readFields(file: URL): UnknownObject {
  if (!existsSync(file)) return {}
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return isObject(parsed) ? parsed : {}
}

/** Those that the operation cannot run without. */
function emptyVariables({ variableDefinitions = [] }: OperationDefinitionNode): UnknownObject {
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
