// Reads a supergraph's cost rules: @cost and @listSize of its types, fields and arguments.
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
} from 'graphql'
import { linkedDirective } from '#gateway/federation/linked-directives.ts'

/** The number of items of a list, by `@listSize` (https://ibm.github.io/graphql-specs/cost-spec.html). */
export type ListSize = {
  readonly assumedSize: number | undefined
  /** Arguments that give the size; dots lead into input objects. */
  readonly slicingArguments: readonly string[]
  /** Fields of the returned object that are the lists; empty when the field itself is the list. */
  readonly sizedFields: readonly string[]
  readonly requireOneSlicingArgument: boolean
}

/** Explicit weights only. Keys are coordinates: `Type`, `Type.field`, `Type.field.argument`, `Input.field`. */
export type CostRules = {
  readonly weights: ReadonlyMap<string, number>
  readonly listSizes: ReadonlyMap<string, ListSize>
}

type Directives = readonly ConstDirectiveNode[] | undefined

export function readCostRules(document: DocumentNode): CostRules {
  const cost = linkedDirective(document, 'cost', 'cost')
  const listSize = linkedDirective(document, 'cost', 'listSize')
  const weights = new Map<string, number>()
  const listSizes = new Map<string, ListSize>()

  function addWeight(coordinate: string, directives: Directives): void {
    const weight = Number(cost(directives)?.weight ?? Number.NaN) // a text in IBM's specification, a number in Apollo's
    if (Number.isFinite(weight)) weights.set(coordinate, weight)
  }

  function addField(type: string, { name, directives, arguments: given = [] }: FieldDefinitionNode): void {
    const coordinate = `${type}.${name.value}`
    addWeight(coordinate, directives)
    addInputs(coordinate, given)
    const sized = listSize(directives)
    if (sized) listSizes.set(coordinate, readListSize(sized))
  }

  function addInputs(parent: string, inputs: readonly InputValueDefinitionNode[]): void {
    for (const { name, directives } of inputs) addWeight(`${parent}.${name.value}`, directives)
  }

  for (const definition of document.definitions) {
    if (!('name' in definition) || !definition.name || !('directives' in definition)) continue
    const { value: name } = definition.name
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.INTERFACE_TYPE_DEFINITION:
        addWeight(name, definition.directives)
        for (const field of definition.fields ?? []) addField(name, field)
        break
      case Kind.INPUT_OBJECT_TYPE_DEFINITION:
        addInputs(name, definition.fields ?? [])
        break
      case Kind.SCALAR_TYPE_DEFINITION:
      case Kind.ENUM_TYPE_DEFINITION:
        addWeight(name, definition.directives)
        break
      default:
        break // nothing else has a weight
    }
  }
  return { weights, listSizes }
}

function readListSize(given: Readonly<Record<string, unknown>>): ListSize {
  const { assumedSize, requireOneSlicingArgument } = given
  const size = Number(assumedSize ?? Number.NaN)
  return {
    assumedSize: Number.isFinite(size) ? size : undefined,
    slicingArguments: namesIn(given.slicingArguments),
    sizedFields: namesIn(given.sizedFields),
    requireOneSlicingArgument: requireOneSlicingArgument !== false,
  }
}

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}
