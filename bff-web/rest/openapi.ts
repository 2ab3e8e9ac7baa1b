// Generates the OpenAPI 3.1 description of the REST routes from the routes, their operations and the web graph's SDL.
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isInputObjectType,
  isObjectType,
  isUnionType,
  Kind,
} from 'graphql'
import {
  component,
  inputSchema,
  type JsonSchema,
  objectSchema,
  type Scope,
  schemaName,
} from '#bff-web/rest/json-schema.ts'
import {
  API_PATH,
  createRoutes,
  PROBLEM_DESCRIPTIONS,
  REQUEST_FAULTS,
  type RestRoute,
} from '#bff-web/rest/routes.ts'

type Json = Readonly<Record<string, unknown>>

const JSON_TYPE = 'application/json'
const PROBLEM_TYPE = 'application/problem+json'

const CONSISTENCY = 'positions by service, such as orders=12,payment=7'

/** Returns the description. `schema` is the web graph's, `document` holds the operations. */
export function describeApi(schema: GraphQLSchema, document: DocumentNode): Json {
  const scope: Scope = { schema, document, components: new Map() }
  const routes = createRoutes(schema)
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const path = `${API_PATH}${route.path}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(scope, route) }
  }
  paths[`${API_PATH}/openapi.json`] = { get: OWN_DESCRIPTION }
  component(scope, 'Problem', problemSchema(scope, routes))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Waybill orders',
      version: '1',
      description:
        'Orders for those who cannot speak GraphQL: thin routes over the graph of the web front end, with its rules.',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      parameters: PARAMETERS,
      headers: HEADERS,
      responses: Object.fromEntries(
        Object.entries(PROBLEM_DESCRIPTIONS).map(([status, description]) => [
          `Problem${status}`,
          problem(description),
        ]),
      ),
      schemas: Object.fromEntries([...scope.components].sort(([one], [other]) => (one < other ? -1 : 1))),
    },
  }
}

const OWN_DESCRIPTION: Json = {
  operationId: 'readDescription',
  summary: 'This description',
  security: [],
  responses: {
    200: { description: 'An OpenAPI 3.1 document', content: { [JSON_TYPE]: { schema: { type: 'object' } } } },
  },
}

const PARAMETERS = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: true,
    description:
      'Names the wish, and is yours to choose. The same key for the same request gives the same result again, refusals included, and never a second effect. The same key for another request is refused with 409, unless the first was refused and nothing was recorded: the key is then free for the mended request.',
    schema: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[!-~]+$' },
  },
  Consistency: {
    name: 'waybill-consistency',
    in: 'header',
    description: `What the answer must at least show: ${CONSISTENCY}, as an earlier answer told.`,
    schema: { type: 'string', maxLength: 512 },
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: 'The ETag of an earlier answer: 304 while it is the same.',
    schema: { type: 'string' },
  },
} as const

const HEADERS = {
  Consistency: {
    description: `What this answer shows: ${CONSISTENCY}. Send it with the next request to see at least that.`,
    schema: { type: 'string' },
  },
  ETag: { description: 'Send it as If-None-Match with the next request.', schema: { type: 'string' } },
  Location: { description: 'Where the order is.', schema: { type: 'string' } },
} as const

function describeRoute(scope: Scope, route: RestRoute): Json {
  const { operationId, summary, description, success, problems } = route
  const schema = answerSchema(scope, route)
  const isRead = route.method === 'GET'
  const succeeded = Object.entries(success).map(([status, text]) => [
    status,
    {
      description: text,
      headers: answerHeaders(route),
      content: { [JSON_TYPE]: { schema } },
    },
  ])
  const unchanged = isRead ? [[304, { description: 'As it was: the ETag still holds' }]] : []
  const failed = problems.map(status => [status, { $ref: `#/components/responses/Problem${status}` }])
  return {
    operationId,
    summary,
    ...(description && { description }),
    parameters: parametersOf(route),
    ...(route.input && { requestBody: requestBody(scope, route) }),
    responses: Object.fromEntries([...succeeded, ...unchanged, ...failed]),
  }
}

function answerHeaders({ method, path }: RestRoute): Json {
  return {
    'waybill-consistency': { $ref: '#/components/headers/Consistency' },
    ...(method === 'GET' && { etag: { $ref: '#/components/headers/ETag' } }),
    ...(path === '/orders' && { location: { $ref: '#/components/headers/Location' } }),
  }
}

function parametersOf({ method, path, search }: RestRoute): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', maxLength: 200 },
  }))
  const inSearch = Object.entries(search).map(([name, { description, schema, repeats }]) => ({
    name,
    in: 'query',
    description,
    schema,
    ...(repeats && { style: 'form', explode: true }),
  }))
  const headers = method === 'GET' ? ['Consistency', 'IfNoneMatch'] : ['IdempotencyKey']
  return [...inPath, ...inSearch, ...headers.map(name => ({ $ref: `#/components/parameters/${name}` }))]
}

function requestBody(scope: Scope, { input }: RestRoute): Json {
  const type = scope.schema.getType(input?.type ?? '')
  if (input === undefined || !isInputObjectType(type)) throw new Error(`there is no input ${input?.type}`)
  const schema = inputSchema(scope, type, Object.keys(input.elsewhere))
  const named = component(scope, input.type, schema)
  const required = Array.isArray(schema.required) && schema.required.length > 0
  return { required, content: { [JSON_TYPE]: { schema: named } } }
}

/** Returns the schema of a successful body: the field that the operation selects, or the accepted member of its union. */
function answerSchema(scope: Scope, route: RestRoute): JsonSchema {
  const { field, members } = resultOf(scope, route)
  const { selectionSet } = field
  const [accepted] = members
  if (accepted === undefined || selectionSet === undefined)
    throw new Error(`${route.operation} selects nothing`)
  const whole = objectSchema(scope, accepted, selectionSet)
  if (members.length > 1) return { $ref: propertyOf(whole, 'order').$ref }
  if (accepted.name !== 'OrderConnection') return component(scope, schemaName(accepted, selectionSet), whole)
  return component(scope, 'OrderList', {
    type: 'object',
    required: ['orders', 'pageInfo'],
    properties: { orders: propertyOf(whole, 'nodes'), pageInfo: propertyOf(whole, 'pageInfo') },
  })
}

/** Returns the one field of a route's operation and its possible object types: of a union, the accepted one first. */
function resultOf({ schema, document }: Scope, { operation }: RestRoute) {
  const node = getOperationAST(document, operation)
  const field = node?.selectionSet.selections.find((each): each is FieldNode => each.kind === Kind.FIELD)
  const root = node && schema.getRootType(node.operation)
  const type = field && root?.getFields()[field.name.value]?.type
  if (field === undefined || type === undefined) throw new Error(`there is no operation ${operation}`)
  const result = getNamedType(type)
  if (isObjectType(result)) return { field, members: [result] }
  if (isUnionType(result)) return { field, members: result.getTypes() }
  throw new Error(`${operation} yields ${result.name}, which is neither an object nor a union`)
}

function propertyOf({ properties }: JsonSchema, name: string): JsonSchema {
  const found = typeof properties === 'object' && properties !== null && Object.entries(properties)
  const [, schema] = (found || []).find(([key]) => key === name) ?? []
  if (schema === undefined) throw new Error(`there is no property ${name}`)
  return schema
}

function problem(description: string): Json {
  return {
    description,
    content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

function problemSchema(scope: Scope, routes: readonly RestRoute[]): JsonSchema {
  const refusals = routes.flatMap(route => {
    const { field, members } = resultOf(scope, route)
    return members.filter(isRefusal).map(member => refusalSchema(scope, member, field))
  })
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
    description: 'What went wrong (RFC 9457).',
    properties: {
      type: { const: 'about:blank' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', description: 'Stable: of the error catalogue, or of the refusal.' },
      detail: { type: 'string', description: 'A sentence for people.' },
      requestId: { type: 'string', description: 'Quote it when you report the problem.' },
      errors: {
        type: 'array',
        description: 'With 400: each place that does not fit.',
        items: {
          type: 'object',
          required: ['detail'],
          properties: {
            parameter: { type: 'string', description: 'Of the query.' },
            pointer: { type: 'string', description: 'A JSON pointer into the body.' },
            detail: { type: 'string' },
          },
        },
      },
      refusal: {
        description: 'With a refusal of the business: what you need to act on it.',
        oneOf: refusals,
        discriminator: { propertyName: 'type' },
      },
    },
  }
}

function isRefusal(member: GraphQLObjectType): boolean {
  return (
    member.getInterfaces().some(({ name }) => name === 'Refusal') && !REQUEST_FAULTS.includes(member.name)
  )
}

function refusalSchema(scope: Scope, member: GraphQLObjectType, { selectionSet }: FieldNode): JsonSchema {
  if (selectionSet === undefined) throw new Error(`nothing is selected of ${member.name}`)
  const { properties, required, ...schema } = objectSchema(scope, member, selectionSet)
  return component(scope, member.name, {
    ...schema,
    required: ['type', ...(Array.isArray(required) ? required : [])],
    properties: { type: { const: member.name }, ...(typeof properties === 'object' && properties) },
  })
}
