// Whether a request of a plan brings along what the fields that it asks for require. Pure.
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
  print,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import { joinGraphs } from '#gateway/federation/join-graphs.ts'
import type { PlanRequest } from '#gateway/planner/check/request-check.ts'
import type { RequiredSelection } from '#gateway/planner/plan/query-plan.ts'

/** Such as `dimensions.width`; `asked` is the same with arguments. */
type Leaf = { readonly path: string; readonly asked: string }
/** By `subgraph Type.field`. */
type Requirements = ReadonlyMap<string, readonly Leaf[]>
/** `schema` has all types of the supergraph, hidden ones included. */
export type Required = { readonly requirements: Requirements; readonly schema: GraphQLSchema }
/** What entities bring along, and how what they bring was asked for by the fields that have been looked at. */
type Brought =
  | { readonly selections: readonly RequiredSelection[]; readonly asked: Map<string, string> }
  | undefined

/** Undefined when no field requires anything. */
export function readRequirements(sdl: string): Required | undefined {
  const document = parse(sdl)
  const names = new Map(joinGraphs(document).map(({ graph, name }) => [graph, name]))
  const requirements = requirementsOf(document, names)
  if (requirements.size === 0) return undefined
  return { requirements, schema: buildASTSchema(document, { assumeValid: true, assumeValidSDL: true }) }
}

function textsOf({ arguments: given = [] }: DirectiveNode): ReadonlyMap<string, string> {
  return new Map(given.map(({ name, value }) => [name.value, 'value' in value ? String(value.value) : '']))
}

/** Of `@join__field(graph: STOCK, requires: "weight dimensions { width }")`. */
function requirementsOf(supergraph: DocumentNode, names: ReadonlyMap<string, string>): Requirements {
  const requirements = new Map<string, readonly Leaf[]>()
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

/**
 * The first field that is asked for otherwise than of entities that bring along what it requires, such as
 * `Product.delivery`; undefined when there is none.
 */
export function findUnmetRequirement(
  asks: PlanRequest,
  { requirements, schema }: Required,
): string | undefined {
  const { serviceName } = asks
  const { operation, selectionSet } = asks.operation
  const root = schema.getRootType(operation)
  return root ? find(selectionSet, root, undefined) : undefined

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
      return selectionSet && find(selectionSet, type, broughtTo((alias ?? name).value))
    const required = requirements.get(`${serviceName} ${type.name}.${name.value}`) ?? []
    if (required.length > 0 && !brings(brought, type, required)) return `${type.name}.${name.value}`
    const field = 'getFields' in type ? type.getFields()[name.value] : undefined
    const inner = field && getNamedType(field.type)
    return selectionSet && isCompositeType(inner) ? find(selectionSet, inner, undefined) : undefined
  }

  function broughtTo(entities: string): Brought {
    return { selections: asks.entities.get(entities) ?? [], asked: new Map() }
  }

  /**
   * Whether entities of each object type, of which any are sent, have all that is required, and whether what one field
   * requires is not required with other arguments by another: only one of them can be sent.
   */
  function brings(brought: Brought, type: GraphQLCompositeType, required: readonly Leaf[]): boolean {
    if (brought === undefined) return false
    const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
    return objects.every(object => {
      const leaves = leavesFor(brought.selections, object)
      return leaves.size === 0 || required.every(leaf => leaves.has(leaf.path) && isSole(leaf, object.name))
    })

    function isSole({ path, asked }: Leaf, object: string): boolean {
      const key = `${object}.${path}`
      const before = brought?.asked.get(key) ?? asked
      brought?.asked.set(key, asked)
      return before === asked
    }
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

function leavesOf({ selections }: SelectionSetNode, within?: Leaf): Leaf[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.INLINE_FRAGMENT) return leavesOf(selection.selectionSet, within)
    const { name, selectionSet, arguments: given = [] } = selection
    const leaf = {
      path: within ? `${within.path}.${name.value}` : name.value,
      asked: `${within?.asked ?? ''}.${name.value}(${given.map(print).sort().join()})`,
    }
    return selectionSet ? leavesOf(selectionSet, leaf) : [leaf]
  })
}
