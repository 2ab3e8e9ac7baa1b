// Mounts an explorer whose examples are a folder of operation files, with a sample token for the caller named there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type DocumentNode, Kind, type OperationDefinitionNode, parse, print, type TypeNode } from 'graphql'
import { sampleToken } from '#platform/auth/issuer.ts'
import { isRole } from '#platform/auth/viewer.ts'
import { isObject, type UnknownObject } from '#platform/domain/json.ts'
import { type Fragments, fragmentsOf, usedFragments } from '#platform/graphql/documents/fragments.ts'
import { mountExplorer } from '#platform/graphql/explorer/explorer.ts'
import type { ExampleOperation } from '#platform/graphql/explorer/page.ts'
import type { HttpServer } from '#platform/http/server.ts'

/** A file beside the operations: `{ "OperationName": { …variables } }`. */
const VARIABLES_FILE = 'variables.json'
/** A file beside the operations that says whom the sample token is for: `{ "role": …, "subject": … }`. */
const CALLER_FILE = 'caller.json'

type ExampleFolder = {
  readonly title: string
  /** Ends with a slash. A missing folder has no examples. */
  readonly folder: URL
  /** The key set that tokens are checked with. The embedded issuer signs sample tokens if it is its own. */
  readonly jwks: URL
}

/** Mounts the explorer at `/graphiql` with the folder's operations. For development; call before `http.listen`. */
export function mountExamples(http: HttpServer, { title, folder, jwks }: ExampleFolder): void {
  const { role, subject } = readFields(new URL(CALLER_FILE, folder))
  const token =
    isRole(role) && typeof subject === 'string' ? () => sampleToken(jwks, { role, subject }) : undefined
  mountExplorer(http, { title, operations: readExamples(folder), ...(token && { token }) })
}

/**
 * Returns the operations of `folder`'s `.graphql` files in the order of their names; fragments may be in any of them. An
 * operation that `variables.json` does not name gets empty values for its required variables.
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

/** Returns empty values for the required variables. */
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
