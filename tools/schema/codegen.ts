// Implements `npm run codegen`: writes schema/generated/, the TypeScript types of every SDL and of the BFFs' operations.
import { codegen } from '@graphql-codegen/core'
import * as typescript from '@graphql-codegen/typescript'
import * as operationTypes from '@graphql-codegen/typescript-operations'
import * as resolverTypes from '@graphql-codegen/typescript-resolvers'
import {
  buildASTSchema,
  buildSchema,
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  printSchema,
} from 'graphql'
import { type Fragments, fragmentsOf, usedFragments } from '#platform/graphql/documents/fragments.ts'
import { SUBGRAPHS, type SubgraphName } from '#platform/subgraph/names.ts'
import { codegen as codegenCommand } from '#tools/commands.ts'
import { publicSchema, readSubgraphs } from '#tools/schema/compose.ts'
import { type GeneratedFile, readOperations, readText, runGenerator } from '#tools/schema/generated-files.ts'

type Mapper = { readonly type: string; readonly from: string }

/** The parent type of a type's resolvers, where it is not the type itself: `type`, exported by module `from`. */
const MAPPERS: Readonly<Record<string, Readonly<Record<string, Mapper>>>> = {
  orders: {},
  inventory: {
    Product: { type: 'ProductSource', from: '#subgraphs/inventory/queries/loaders.ts' },
    ProductConnection: { type: 'ProductConnectionSource', from: '#subgraphs/inventory/queries/facets.ts' },
    ProductFacets: { type: 'ProductFacetsSource', from: '#subgraphs/inventory/queries/facets.ts' },
  },
  payment: {},
  shipping: {},
  'bff-web': {
    Order: { type: 'OrderData', from: '#bff-web/resolvers/order-view.ts' },
    OrderLine: { type: 'LineSource', from: '#bff-web/resolvers/order-view.ts' },
    Product: { type: 'ProductData', from: '#bff-web/resolvers/product-view.ts' },
    Operations: { type: 'OperationsSource', from: '#bff-web/resolvers/dashboard.ts' },
    Customer: { type: 'CustomerPartsFragment', from: '#schema/generated/bff-web-operations.ts' },
    Fulfilment: { type: 'FulfilmentPartsFragment', from: '#schema/generated/bff-web-operations.ts' },
    RefusedMovement: {
      type: 'RefusedMovementPartsFragment',
      from: '#schema/generated/bff-web-operations.ts',
    },
  },
  'bff-mobile': {
    Order: { type: 'OrderData', from: '#bff-mobile/views/order-source.ts' },
    OrderLine: { type: 'LineSource', from: '#bff-mobile/views/order-source.ts' },
    Cancellation: { type: 'CancellationData', from: '#bff-mobile/views/order-source.ts' },
    Shipment: { type: 'ShipmentData', from: '#bff-mobile/views/order-source.ts' },
    Return: { type: 'ReturnData', from: '#bff-mobile/views/order-source.ts' },
    Product: { type: 'ProductSource', from: '#bff-mobile/views/product-source.ts' },
    AvailabilityCount: { type: 'AvailabilityFacet', from: '#bff-mobile/views/product-source.ts' },
    PriceRange: { type: 'PriceFacet', from: '#bff-mobile/views/product-source.ts' },
    Money: { type: 'MoneyText', from: '#platform/graphql/scalars.ts' },
  },
}

const BFFS = ['bff-web', 'bff-mobile'] as const

const SCALARS = { ID: 'string', Decimal: 'string', Currency: 'string', DateTime: 'string' }
const TYPE_SETTINGS = {
  scalars: SCALARS,
  strictScalars: false,
  defaultScalarType: 'unknown',
  enumsAsTypes: true,
  enumType: 'string-literal',
  useTypeImports: true,
  immutableTypes: true,
  skipTypename: true,
}

/** Returns every generated file as it should be. */
export async function generate(): Promise<GeneratedFile[]> {
  const subgraphs = await Promise.all(SUBGRAPHS.map(generateSubgraph))
  const graphs = await Promise.all(BFFS.map(generateGraph))
  const api = publicSchema(await readSubgraphs())
  const operations = await Promise.all(BFFS.map(name => generateOperations(name, api)))
  return [...subgraphs, ...graphs, ...operations]
}

async function generateSubgraph(name: SubgraphName): Promise<GeneratedFile> {
  const source = `schema/subgraphs/${name}.graphql`
  // Federation's own directives are known to whoever composes it; here they are only read.
  const schema = buildASTSchema(parse(await readText(source)), { assumeValidSDL: true })
  return { file: outputOf(name), text: await resolverModule(name, source, schema) }
}

async function generateGraph(name: (typeof BFFS)[number]): Promise<GeneratedFile> {
  const source = `schema/${name}.graphql`
  const schema = buildSchema(await readText(source))
  return { file: outputOf(name), text: await resolverModule(name, source, schema) }
}

async function resolverModule(name: string, source: string, schema: GraphQLSchema): Promise<string> {
  const mappers = Object.entries(MAPPERS[name] ?? {})
  const text = await codegen({
    filename: `${name}.ts`,
    schema: parse(printSchema(schema)),
    schemaAst: schema,
    documents: [],
    config: {
      ...TYPE_SETTINGS,
      contextType: 'RequestContext',
      federation: SUBGRAPHS.some(subgraph => subgraph === name),
      mappers: Object.fromEntries(mappers.map(([type, mapper]) => [type, mapper.type])),
    },
    plugins: [{ typescript: {} }, { resolvers: {} }],
    pluginMap: { typescript, resolvers: resolverTypes },
  })
  const imports = [
    `import type { RequestContext } from '#platform/graphql/context.ts'`,
    ...mappers.map(([, { type, from }]) => `import type { ${type} } from '${from}'`),
  ]
  return moduleText(`Types and resolver types of ${source}.`, imports, text)
}

async function generateOperations(
  name: (typeof BFFS)[number],
  schema: GraphQLSchema,
): Promise<GeneratedFile> {
  const folder = `${name}/operations`
  const document = await readOperations(folder)
  const text = await codegen({
    filename: `${name}-operations.ts`,
    schema: parse(printSchema(schema)),
    schemaAst: schema,
    documents: [{ location: folder, document }],
    config: { ...TYPE_SETTINGS, skipTypename: false, skipTypeNameForRoot: true, omitOperationSuffix: false },
    plugins: [{ operations: {} }],
    pluginMap: { operations: operationTypes },
  })
  const imports = [`import type { TypedDocument } from '#platform/graphql/client/client.ts'`]
  const purpose = `The operations of ${folder}/ with their results and variables.`
  const body = `${text}\n\n${documentConstants(document)}`
  return { file: outputOf(`${name}-operations`), text: moduleText(purpose, imports, body) }
}

function outputOf(name: string): string {
  return `schema/generated/${name}.ts`
}

/** Prints each operation as one text with the fragments that it uses. */
function documentConstants(document: DocumentNode): string {
  const fragments = fragmentsOf(document)
  return document.definitions
    .filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
    .map(operation => documentConstant(operation, fragments))
    .join('\n\n')
}

function documentConstant(operation: OperationDefinitionNode, fragments: Fragments): string {
  const name = operation.name?.value
  if (!name) throw new Error('an operation without a name cannot be generated')
  const used = usedFragments(operation, fragments)
  const text = [operation, ...used].map(print).join('\n')
  const types = `${name}${capitalised(operation.operation)}, ${name}${capitalised(operation.operation)}Variables`
  return `export const ${name}Document = ${templateLiteral(text)} as TypedDocument<${types}>`
}

function templateLiteral(text: string): string {
  return `\`${text.replace(/[\\`]|\$(?=\{)/g, character => `\\${character}`)}\``
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function moduleText(purpose: string, imports: readonly string[], body: string): string {
  return `// ${purpose} Generated by \`npm run codegen\`; not to be edited.\n${imports.join('\n')}\n\n${body.trim()}\n`
}

if (import.meta.main) await runGenerator(codegenCommand, generate)
