// Reads a supergraph: its public schema, subgraphs, planners, and rules for authorization and cost.
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  buildASTSchema,
  type DocumentNode,
  type GraphQLSchema,
  isEnumType,
  Kind,
  parse,
  print,
  visit,
} from 'graphql'
import type { HiddenValues } from '#gateway/executor/leaf-values.ts'
import { createTypeMatch, type TypeMatch } from '#gateway/executor/possible-types.ts'
import { joinGraphs } from '#gateway/federation/join-graphs.ts'
import { argumentsOf, checkSecurityFeatures } from '#gateway/federation/linked-directives.ts'
import { createReservedNames, type IsReserved } from '#gateway/planner/normalization/plan-names.ts'
import { type Planner, startPlanner } from '#gateway/planner/planner.ts'
import { type AuthorizationRules, readAuthorizationRules } from '#gateway/safety/authorization/rules.ts'
import { type CostRules, readCostRules } from '#gateway/safety/cost/rules.ts'
import { publicSchemaOf } from '#gateway/supergraph/public-schema.ts'
import { withDeferDefinition } from '#platform/graphql/incremental/defer-directive.ts'

export type Supergraph = Planner & {
  /** The schema that clients see. */
  readonly schema: GraphQLSchema
  /** By name; an empty URL when the supergraph names none. */
  readonly subgraphs: ReadonlyMap<string, string>
  readonly matches: TypeMatch
  readonly authorization: AuthorizationRules
  readonly costs: CostRules
  readonly isReserved: IsReserved
  readonly hiddenValues: HiddenValues
  /** Interfaces that some subgraph has an object in place of. */
  readonly interfaceObjects: ReadonlySet<string>
  /** Public interfaces and unions that hidden object types are of. */
  readonly partlyHidden: ReadonlySet<string>
}

/** Rejects with what is wrong with it. A large one takes seconds: requests are served between the steps. */
export async function readSupergraph(sdl: string): Promise<Supergraph> {
  const document = parse(sdl)
  const subgraphs = subgraphsOf(document)
  checkSecurityFeatures(document)
  await nextTurn()
  await using open = new AsyncDisposableStack()
  const planner = open.use(await startPlanner(await printInSteps(forPlanners(document))))
  const publicDocument = publicSchemaOf(document)
  await nextTurn()
  const schema = buildASTSchema(withDeferDefinition(publicDocument))
  await nextTurn()
  if (!schema.getQueryType()) throw new Error('it has no queries')
  open.move()
  return {
    ...planner,
    schema,
    subgraphs,
    matches: createTypeMatch(document),
    authorization: readAuthorizationRules(document),
    costs: readCostRules(document),
    isReserved: createReservedNames(document, schema),
    hiddenValues: hiddenValuesOf(document, schema),
    interfaceObjects: interfaceObjectsIn(document),
    partlyHidden: partlyHiddenIn(document, schema),
  }
}

/** Some milliseconds each. */
const PRINTED_AT_ONCE = 20

async function printInSteps({ definitions }: DocumentNode): Promise<string> {
  const parts: string[] = []
  for (let at = 0; at < definitions.length; at += PRINTED_AT_ONCE) {
    parts.push(...definitions.slice(at, at + PRINTED_AT_ONCE).map(definition => print(definition)))
    await nextTurn()
  }
  return parts.join('\n\n')
}

/**
 * Without texts that no plan depends on: the parser of Hive's planner does not know a description of the schema, nor all
 * ways of writing a string.
 */
function forPlanners(document: DocumentNode): DocumentNode {
  return visit(document, {
    enter(node) {
      if (node.kind === Kind.DIRECTIVE && node.name.value === 'deprecated') return null
      return 'description' in node && node.description ? { ...node, description: undefined } : undefined
    },
  })
}

function subgraphsOf(document: DocumentNode): Map<string, string> {
  const subgraphs = new Map(joinGraphs(document).map(({ name, url }) => [name, url]))
  if (subgraphs.size === 0) throw new Error('it names no subgraphs: is it a Federation 2 supergraph?')
  return subgraphs
}

function hiddenValuesOf({ definitions }: DocumentNode, schema: GraphQLSchema): HiddenValues {
  return new Map(
    definitions.flatMap(definition => {
      const shown = definition.kind === Kind.ENUM_TYPE_DEFINITION && schema.getType(definition.name.value)
      if (!shown || !isEnumType(shown)) return []
      const values = definition.values?.map(({ name }) => name.value) ?? []
      return [[shown.name, new Set(values.filter(value => !shown.getValue(value)))]]
    }),
  )
}

function partlyHiddenIn(supergraph: DocumentNode, schema: GraphQLSchema): ReadonlySet<string> {
  const isHidden = (name: string) => schema.getType(name) === undefined
  return new Set(
    supergraph.definitions.flatMap(definition => {
      if (definition.kind === Kind.UNION_TYPE_DEFINITION)
        return definition.types?.some(({ name }) => isHidden(name.value)) ? [definition.name.value] : []
      if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION || !isHidden(definition.name.value)) return []
      return definition.interfaces?.map(({ name }) => name.value) ?? []
    }),
  )
}

/** `interface Media @join__type(graph: RATINGS, isInterfaceObject: true)`. */
function interfaceObjectsIn(document: DocumentNode): ReadonlySet<string> {
  return new Set(
    document.definitions.flatMap(definition =>
      definition.kind === Kind.INTERFACE_TYPE_DEFINITION &&
      definition.directives?.some(directive => argumentsOf(directive).isInterfaceObject === true)
        ? [definition.name.value]
        : [],
    ),
  )
}
