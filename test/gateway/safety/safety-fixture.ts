// Starts two subgraphs of a clinic with authorization and cost directives, the gateway in front, and signs tokens with any claims.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { type GraphQLSchema, graphql, parse } from 'graphql'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { GatewayConfig } from '#gateway/config.ts'
import { readSettings } from '#gateway/settings.ts'
import { postJson, serveHttp } from '#test/fixtures/http-server.ts'
import { composeSupergraph, startComposedGateway } from '#test/gateway/composed-gateway.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.12", import: [
  "@key", "@shareable", { name: "@authenticated", as: "@signedIn" }, "@requiresScopes", "@policy", "@cost", "@listSize"])\n`

const CLINIC_SDL = {
  people: `${LINK}
    type Query {
      patients(first: Int, ward: Ward): [Patient!]! @listSize(slicingArguments: ["first"], assumedSize: 3, requireOneSlicingArgument: false)
      patient(id: ID!): Patient
      paged(first: Int, last: Int): Page @listSize(slicingArguments: ["first", "last"], sizedFields: ["items"])
      search: [Found!]!
      staffRoom: String! @signedIn
      motto: String!
      room: Room
    }
    type Room @key(fields: "code") { code: ID @signedIn name: String }
    type Mutation { admit(name: String!): Patient! @requiresScopes(scopes: [["write"], ["admin"]])  wave: Int }
    type Subscription { alarm: Patient @cost(weight: 50) whisper: String @signedIn }
    type Page { items: [Patient!] total: Int }
    union Found = Patient | Ledger
    type Ledger @requiresScopes(scopes: [["books", "read"]]) { balance: Int! }
    interface Being { id: ID! name: String }
    type Patient implements Being @key(fields: "id") { id: ID! name: String diagnosis: Diagnosis secretId: ID! @policy(policies: [["vetted"]]) }
    enum Diagnosis @signedIn { FLU COLD }
    input Ward { floor: Int @cost(weight: 2) }`,
  bills: `${LINK}
    type Query { latestBill: Bill }
    type Patient @key(fields: "id") { id: ID! bills: [Bill!]! @requiresScopes(scopes: [["billing"]]) debt: Int @cost(weight: 5) }
    type Room @key(fields: "code") { code: ID @signedIn price: Int }
    type Bill @signedIn @cost(weight: 4) { number: ID! amount: Int }`,
} as const
type ClinicService = keyof typeof CLINIC_SDL

type Resolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>

const patient = (id: string) => ({
  __typename: 'Patient',
  id,
  name: `P${id}`,
  diagnosis: 'FLU',
  secretId: `s${id}`,
})
const PATIENTS = ['1', '2', '3'].map(patient)

const RESOLVERS: Record<ClinicService, Resolvers> = {
  people: {
    Query: {
      patients: () => PATIENTS,
      patient: (_: unknown, { id }: { id: string }) => patient(id),
      paged: () => ({ items: PATIENTS, total: 3 }),
      search: () => [patient('1'), { __typename: 'Ledger', balance: 7 }],
      staffRoom: () => 'kettle',
      motto: () => 'do no harm',
      room: () => ({ code: 'r1', name: 'Blue' }),
    },
    Mutation: {
      admit: (_: unknown, { name }: { name: string }) => ({ ...patient('9'), name }),
      wave: () => 1,
    },
    Patient: { __resolveReference: ({ id }: { id: string }) => patient(id) },
  },
  bills: {
    Room: { __resolveReference: () => ({ price: 40 }) },
    Query: { latestBill: () => ({ number: 'b9', amount: 9 }) },
    Patient: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      bills: ({ id }: { id: string }) => [{ number: `b${id}`, amount: Number(id) }],
      debt: () => 100,
    },
  },
}

export function clinicSchemas(): Map<string, GraphQLSchema> {
  return new Map(
    Object.entries(CLINIC_SDL).map(([name, sdl]) => [
      name,
      buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: RESOLVERS[name as ClinicService] }),
    ]),
  )
}

export function clinicSupergraph(): string {
  return composeSupergraph(CLINIC_SDL)
}

async function serve(schema: GraphQLSchema) {
  const seen: string[] = []
  const server = await serveHttp(async (request, response) => {
    const { query, variables } = JSON.parse(await text(request))
    seen.push(query)
    const result = await graphql({ schema, source: query, variableValues: variables })
    response.setHeader('content-type', 'application/json').end(JSON.stringify(result))
  })
  return { ...server, seen }
}

/** Signs tokens with any claims, without Waybill's roles. */
async function openIssuer(folder: string) {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const file = path.join(folder, 'jwks.json')
  await writeFile(
    file,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'k' }] }),
  )
  const auth = { jwks: pathToFileURL(file), issuer: 'https://issuer.test', audience: 'clinic' }
  const sign = (claims: Readonly<Record<string, unknown>>) =>
    new SignJWT({ sub: 'ann', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(auth.issuer)
      .setAudience(auth.audience)
      .setExpirationTime('1h')
      .sign(privateKey)
  return { auth, sign }
}

type ClinicReply = {
  readonly status: number
  readonly headers: Headers
  readonly data?: unknown
  readonly errors?: readonly {
    readonly message: string
    readonly path?: readonly (string | number)[]
    readonly extensions: Readonly<Record<string, unknown>>
  }[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

type Sent = {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly variables?: object
}

/** Starts the gateway over both subgraphs; `settings` is the content of its settings file. */
export async function startClinicGateway(settings: object = {}, config: Partial<GatewayConfig> = {}) {
  await using open = new AsyncDisposableStack()
  const folder = open.use(await temporaryFolder())
  const { auth, sign } = await openIssuer(folder.path)
  const schemas = clinicSchemas()
  const subgraphUrls: Record<string, string> = {}
  const seen: string[][] = []
  for (const [name, schema] of schemas) {
    const served = open.use(await serve(schema))
    subgraphUrls[name] = served.url
    seen.push(served.seen)
  }
  const { gateway } = open.use(
    await startComposedGateway(clinicSupergraph(), {
      subgraphUrls,
      auth,
      settings: readSettings(settings),
      ...config,
    }),
  )
  const url = `${gateway.url}/graphql`
  const post = async (body: unknown, { claims, headers = {} }: Sent = {}): Promise<Response> =>
    postJson(url, body, { ...(claims && { authorization: `Bearer ${await sign(claims)}` }), ...headers })
  const running = open.move()
  return {
    url,
    post,
    /** Returns the requests that all subgraphs got since the last call. */
    requests: () => seen.flatMap(one => one.splice(0)),
    async send(query: string, sent: Sent = {}): Promise<ClinicReply> {
      const response = await post({ query, ...(sent.variables && { variables: sent.variables }) }, sent)
      const body: Pick<ClinicReply, 'data' | 'errors' | 'extensions'> = JSON.parse(await response.text())
      return { ...body, status: response.status, headers: response.headers }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
