// Runs Apollo's planner in a process of its own: it plans some operations for which Hive's has no plan.
import internals from '@apollo/federation-internals'
import planners from '@apollo/query-planner'
import { parse } from 'graphql'
import { convertApolloPlan, convertDeferringPlan } from '#gateway/planner/apollo-plan.ts'
import { rolloutShare, servePlanner } from '#gateway/planner/planner-worker.ts'
import { hasDefer } from '#platform/graphql/incremental/defer-directive.ts'

const PERCENTAGE = /percent\((\d+(?:\.\d+)?)\)/g

servePlanner(sdl => {
  // The gateway has checked which specifications the supergraph uses, so that Apollo's check would only repeat it.
  const supergraph = internals.Supergraph.build(sdl, {
    supportedFeatures: internals.ROUTER_SUPPORTED_SUPERGRAPH_FEATURES,
    validateSupergraph: false,
  })
  const planner = new planners.QueryPlanner(supergraph, { incrementalDelivery: { enableDefer: true } })
  const publicSchema = supergraph.apiSchema()
  const labels = new Map([...sdl.matchAll(PERCENTAGE)].map(([label, percent]) => [label, Number(percent)]))
  return (text, operationName) => {
    const name = operationName === undefined ? {} : { operationName }
    const document = parse(text)
    const operation = internals.operationFromDocument(publicSchema, document, name)
    const share = rolloutShare(text)
    const overrideConditions = new Map([...labels].map(([label, percent]) => [label, share < percent]))
    const { node } = planner.buildQueryPlan(operation, { overrideConditions })
    return hasDefer(document) ? convertDeferringPlan(node) : { node: node && convertApolloPlan(node) }
  }
})
