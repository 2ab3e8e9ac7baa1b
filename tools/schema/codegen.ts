// Implements `npm run codegen`: writes schema/generated/, the TypeScript types of every SDL and of the BFFs' operations.
import { readdir, readFile } from 'node:fs/promises'
import { composeServices } from '@apollo/composition'
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
import { runCommand } from '#tools/command-line.ts'
import { codegen as codegenCommand } from '#tools/commands.ts'
import { type GeneratedFile, writeGenerated } from '#tools/schema/generated-files.ts'

type Mapper = { readonly type: string; readonly from: string }

/** The parent type of a type's resolvers, where it is not the type itself: `type`, exported by module `from`. */
const MAPPERS: Readonly<Record<string, Readonly<Record<string, Mapper>>>> = {
  orders: {},
  inventory: { Product: { type: 'ProductSource', from: '#subgraphs/inventory/queries/loaders.ts' } },
  payment: {},
  shipping: {},
  'bff-web': {},
  'bff-mobile': {
    OrderCard: { type: 'CardView', from: '#bff-mobile/views/order-view.ts' },
    OrderScreen: { type: 'ScreenView', from: '#bff-mobile/views/order-view.ts' },
    Parcel: { type: 'ParcelView', from: '#bff-mobile/views/order-view.ts' },
  },
}

const BFFS = ['bff-web', 'bff-mobile'] as const
const ROOT = new URL('../../', import.meta.url)
const OUTPUT = new URL('schema/generated/', ROOT)

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

type Generated = { readonly name: string; readonly text: string }

/** Returns every generated file as it should be. */
export async function generate(): Promise<Generated[]> {
  const subgraphs = await Promise.all(SUBGRAPHS.map(generateSubgraph))
  const graphs = await Promise.all(BFFS.map(generateGraph))
  const api = await publicSchema()
  const operations = await Promise.all(BFFS.map(name => generateOperations(name, api)))
  return [...subgraphs, ...graphs, ...operations]
}

async function generateSubgraph(name: SubgraphName): Promise<Generated> {
  const source = `schema/subgraphs/${name}.graphql`
  // Federation's own directives are known to whoever composes it; here they are only read.
  const schema = buildASTSchema(parse(await readText(source)), { assumeValidSDL: true })
  return { name, text: await resolverModule(name, source, schema) }
}

async function generateGraph(name: (typeof BFFS)[number]): Promise<Generated> {
  const source = `schema/${name}.graphql`
  return { name, text: await resolverModule(name, source, buildSchema(await readText(source))) }
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

/** Composes the API schema that the gateway serves: the subgraphs together, without inaccessible elements. */
async function publicSchema(): Promise<GraphQLSchema> {
  const services = SUBGRAPHS.map(async name => ({
    name,
    typeDefs: parse(await readText(`schema/subgraphs/${name}.graphql`)),
  }))
  const { schema, errors } = composeServices(await Promise.all(services))
  if (errors) throw new Error(errors.map(error => error.message).join('\n'))
  return schema.toAPISchema().toGraphQLJSSchema()
}

async function generateOperations(name: (typeof BFFS)[number], schema: GraphQLSchema): Promise<Generated> {
  const documents = await readOperations(`${name}/operations/`)
  const text = await codegen({
    filename: `${name}-operations.ts`,
    schema: parse(printSchema(schema)),
    schemaAst: schema,
    documents: documents.map(({ file, document }) => ({ location: file, document })),
    config: { ...TYPE_SETTINGS, skipTypename: false, skipTypeNameForRoot: true, omitOperationSuffix: false },
    plugins: [{ operations: {} }],
    pluginMap: { operations: operationTypes },
  })
  const imports = [`import type { TypedDocument } from '#platform/graphql/client/client.ts'`]
  const constants = documentConstants(documents.map(({ document }) => document))
  return {
    name: `${name}-operations`,
    text: moduleText(
      `The operations of ${name}/operations/ with their results and variables.`,
      imports,
      `${text}\n\n${constants}`,
    ),
  }
}

async function readOperations(folder: string): Promise<{ file: string; document: DocumentNode }[]> {
  const files = (await readdir(new URL(folder, ROOT))).filter(file => file.endsWith('.graphql')).sort()
  return Promise.all(
    files.map(async file => ({
      file: `${folder}${file}`,
      document: parse(await readText(`${folder}${file}`), { noLocation: true }),
    })),
  )
}

/** Prints each operation as one text with the fragments that it uses. */
function documentConstants(documents: readonly DocumentNode[]): string {
  const definitions = documents.flatMap(document => document.definitions)
  const fragments = fragmentsOf({ definitions })
  return definitions
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

function readText(path: string): Promise<string> {
  return readFile(new URL(path, ROOT), 'utf8')
}

/** Returns each generated file with the text that it should have. */
export async function generatedFiles(): Promise<GeneratedFile[]> {
  return (await generate()).map(({ name, text }) => ({ file: new URL(`${name}.ts`, OUTPUT), text }))
}

if (import.meta.main)
  await runCommand(codegenCommand, async ({ values }) =>
    writeGenerated(codegenCommand, await generatedFiles(), values),
  )
