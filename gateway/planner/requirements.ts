// Whether a plan gives subgraphs what their fields require before it asks for these fields. Pure.
import {
  buildASTSchema,
  type DirectiveNode,
  type DocumentNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import type { PlanNode, RequiredSelection } from '#gateway/executor/plan.ts'

/** By `subgraph Type.field`: paths of leaves, such as `dimensions.width`. */
type Requirements = ReadonlyMap<string, readonly string[]>
/** `schema` has all types of the supergraph, hidden ones included. */
type Known = { readonly requirements: Requirements; readonly schema: GraphQLSchema }
type Brought = readonly RequiredSelection[] | undefined

/**
 * Finds the first field that is asked for otherwise than of entities that bring along what it requires; undefined when
 * there is none. The supergraph is read when the first plan is checked.
 */
export function createPlanCheck(sdl: string): (plan: PlanNode) => string | undefined {
  let known: Known | undefined
  return plan => {
    known ??= readRequirements(sdl)
    if (known.requirements.size === 0) return undefined
    for (const asked of asksOf(plan)) {
      const field = lackingIn(asked, known)
      if (field !== undefined) return `${asked.serviceName} is asked for ${field} without what it requires`
    }
    return undefined
  }
}

function readRequirements(sdl: string): Known {
  const document = parse(sdl)
  const requirements = requirementsOf(document, subgraphNames(document))
  return { requirements, schema: buildASTSchema(document, { assumeValid: true, assumeValidSDL: true }) }
}

/** By `join__Graph`'s values, as plans name them. */
function subgraphNames({ definitions }: DocumentNode): ReadonlyMap<string, string> {
  const graphs = definitions.flatMap(definition =>
    definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph'
      ? (definition.values ?? [])
      : [],
  )
  return new Map(
    graphs.map(({ name, directives = [] }) => [
      name.value,
      directives.map(directive => textsOf(directive).get('name')).find(text => text !== undefined) ??
        name.value,
    ]),
  )
}

function textsOf({ arguments: given = [] }: DirectiveNode): ReadonlyMap<string, string> {
  return new Map(given.map(({ name, value }) => [name.value, 'value' in value ? String(value.value) : '']))
}

/** Of `@join__field(graph: STOCK, requires: "weight dimensions { width }")`. */
function requirementsOf(supergraph: DocumentNode, names: ReadonlyMap<string, string>): Requirements {
  const requirements = new Map<string, readonly string[]>()
  let type = ''
  let field = ''
  visit(supergraph, {
    ObjectTypeDefinition({ name }) {
      type = name.value
    },
    InterfaceTypeDefinition({ name }) {
      type = name.value
    },
    FieldDefinition({ name }) {
      field = name.value
    },
    Directive(directive) {
      if (directive.name.value !== 'join__field') return
      const texts = textsOf(directive)
      const requires = texts.get('requires')
      const graph = texts.get('graph') ?? ''
      if (requires !== undefined)
        requirements.set(`${names.get(graph) ?? graph} ${type}.${field}`, leavesOf(selectionOf(requires)))
    },
  })
  return requirements
}

/** A request of a plan; by the names of its fields of entities, what these bring along. */
type Asks = {
  readonly serviceName: string
  readonly operation: string
  readonly entities: ReadonlyMap<string, readonly RequiredSelection[]>
}

function asksOf(node: PlanNode): readonly Asks[] {
  switch (node.kind) {
    case 'Fetch':
      return [{ ...node, entities: new Map([['_entities', node.requires ?? []]]) }]
    case 'BatchFetch': {
      const { aliases } = node.entityBatch
      return [{ ...node, entities: new Map(aliases.map(({ alias, requires }) => [alias, requires])) }]
    }
    case 'Subscription':
      return asksOf({ ...node.primary, kind: 'Fetch' }) // Hive's planner leaves out its kind
    case 'Flatten':
      return asksOf(node.node)
    case 'Sequence':
    case 'Parallel':
      return node.nodes.flatMap(asksOf)
    case 'Condition':
      return [node.ifClause, node.elseClause].flatMap(clause => (clause ? asksOf(clause) : []))
  }
}

function lackingIn(asks: Asks, { requirements, schema }: Known): string | undefined {
  const { serviceName } = asks
  const [operation] = parse(asks.operation).definitions
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return undefined
  const root = schema.getRootType(operation.operation)
  return root ? find(operation.selectionSet, root, undefined) : undefined

  /** `brought` is what entities bring along; undefined below them, and where there are none. */
  function find(
    { selections }: SelectionSetNode,
    type: GraphQLCompositeType,
    brought: Brought,
  ): string | undefined {
    for (const selection of selections) {
      const lacking = lackingAt(selection, type, brought)
      if (lacking !== undefined) return lacking
    }
    return undefined
  }

  function lackingAt(
    selection: SelectionNode,
    type: GraphQLCompositeType,
    brought: Brought,
  ): string | undefined {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return undefined // plans have none
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = schema.getType(selection.typeCondition?.name.value ?? type.name)
      return isCompositeType(condition) ? find(selection.selectionSet, condition, brought) : undefined
    }
    const { name, alias, selectionSet } = selection
    if (name.value === '_entities')
      return selectionSet && find(selectionSet, type, asks.entities.get((alias ?? name).value) ?? [])
    const required = requirements.get(`${serviceName} ${type.name}.${name.value}`) ?? []
    if (required.length > 0 && !brings(brought, type, required)) return `${type.name}.${name.value}`
    const field = 'getFields' in type ? type.getFields()[name.value] : undefined
    const inner = field && getNamedType(field.type)
    return selectionSet && isCompositeType(inner) ? find(selectionSet, inner, undefined) : undefined
  }

  /** Whether entities of each object type, of which any are sent, have all that is required. */
  function brings(brought: Brought, type: GraphQLCompositeType, required: readonly string[]): boolean {
    if (brought === undefined) return false
    const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
    return objects.every(object => {
      const leaves = leavesFor(brought, object)
      return leaves.size === 0 || required.every(leaf => leaves.has(leaf))
    })
  }

  function leavesFor(selections: readonly RequiredSelection[], object: GraphQLCompositeType): Set<string> {
    const leaves = new Set<string>()
    const add = (those: readonly RequiredSelection[], path: string): void => {
      for (const one of those) {
        if (one.kind === 'InlineFragment') {
          if (path !== '' || covers(one.typeCondition, object)) add(one.selections, path)
          continue
        }
        const sentAs = path + (one.alias ?? one.name)
        if (one.selections?.length) add(one.selections, `${sentAs}.`)
        else leaves.add(sentAs)
      }
    }
    add(selections, '')
    return leaves
  }

  function covers(condition: string, object: GraphQLCompositeType): boolean {
    const type = schema.getType(condition)
    return (
      condition === object.name ||
      (isAbstractType(type) && isObjectType(object) && schema.isSubType(type, object))
    )
  }
}

function selectionOf(fields: string): SelectionSetNode {
  const [definition] = parse(`{ ${fields} }`).definitions
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`these are no fields: ${fields}`)
  return definition.selectionSet
}

function leavesOf({ selections }: SelectionSetNode, path = ''): string[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.INLINE_FRAGMENT) return leavesOf(selection.selectionSet, path)
    const name = path + selection.name.value
    return selection.selectionSet ? leavesOf(selection.selectionSet, `${name}.`) : [name]
  })
}
