import { readdir, readFile } from 'node:fs/promises'
import { ApolloGateway } from '@apollo/gateway'
import { buildSchema, concatAST, type GraphQLSchema, parse, validate, validateSchema } from 'graphql'
import { beforeAll, describe, expect, test } from 'vitest'
import { composedFiles } from '#tools/schema/compose.ts'
import { staleFiles } from '#tools/schema/generated-files.ts'

const ROOT = new URL('../../', import.meta.url)
const readText = (file: string) => readFile(new URL(file, ROOT), 'utf8')

/** Mutations that only services call: they are in their subgraph, and not in the public graph. */
const FOR_SERVICES = [
  ...['reserveStock', 'commitReservation', 'releaseReservation', 'shipStock', 'restock'],
  ...['authorisePayment', 'capturePayment', 'voidPayment', 'refundPayment'],
  ...['createShipment', 'cancelShipment'],
]

let api: GraphQLSchema
beforeAll(async () => {
  const gateway = new ApolloGateway({ supergraphSdl: await readText('schema/supergraph.graphql') })
  api = (await gateway.load()).schema
  await gateway.stop()
})

test('the supergraph and its plain SDL match the subgraphs: else run `npm run compose`', async () => {
  expect(await staleFiles(await composedFiles())).toEqual([])
})

test('the public graph has no mutation that only services call', () => {
  const mutations = Object.keys(api.getMutationType()?.getFields() ?? {})
  expect(mutations).toContain('placeOrder')
  expect(mutations.filter(name => FOR_SERVICES.includes(name))).toEqual([])
})

describe.each(['bff-web', 'bff-mobile'])('%s', name => {
  test('has a valid graph of its own', async () => {
    expect(validateSchema(buildSchema(await readText(`schema/${name}.graphql`)))).toEqual([])
  })

  test('sends the gateway only operations that are valid in the public graph', async () => {
    const folder = `${name}/operations/`
    const files = (await readdir(new URL(folder, ROOT))).filter(file => file.endsWith('.graphql'))
    const documents = await Promise.all(files.map(async file => parse(await readText(`${folder}${file}`))))
    expect(documents.length).toBeGreaterThan(0)
    expect(validate(api, concatAST(documents)).map(error => error.message)).toEqual([])
  })
})
