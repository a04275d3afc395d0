// Generated from trainer/ops/*/op.ts by `node tools/node24.mjs trainer/ops/generate.ts`. Do not edit.
#pragma once

#include "../runtime/indices.h"
#include "ops.h"

namespace luthier {

inline void checkIndices(const Embed& op) {
  const IndexCheck check("embed");
  check.within("ids", op.ids, 0, op.weight.dims[0]);
}

inline void checkIndices(const EmbedBackward& op) {
  const IndexCheck check("embedBackward");
  check.within("ids", op.ids, 0, op.dWeight.dims[0]);
}

inline void checkIndices(const Attention& op) {
  const IndexCheck check("attention");
  check.upToOwnRow("segmentStart", op.segmentStart);
}

inline void checkIndices(const AttentionBackward& op) {
  const IndexCheck check("attentionBackward");
  check.upToOwnRow("segmentStart", op.segmentStart);
}

inline void checkIndices(const GatherRows& op) {
  const IndexCheck check("gatherRows");
  check.within("index", op.index, -1, op.x.dims[0]);
}

inline void checkIndices(const ScatterRows& op) {
  const IndexCheck check("scatterRows");
  check.within("index", op.index, -1, op.dx.dims[0]);
  check.distinct({{&op.index, op.dx.dims[0]}});
}

inline void checkIndices(const LinearCrossEntropy& op) {
  const IndexCheck check("linearCrossEntropy");
  check.within("target", op.target, 0, op.w.dims[0], &op.lossWeight);
}

inline void checkIndices(const CacheAppend& op) {
  const IndexCheck check("cacheAppend");
  check.within("slot", op.slot, -1, op.cacheK.dims[0]);
  check.within("position", op.position, 0, op.cacheK.dims[1], &op.slot);
  check.distinct({{&op.slot, op.cacheK.dims[0]}, {&op.position, op.cacheK.dims[1]}});
}

inline void checkIndices(const AttentionCached& op) {
  const IndexCheck check("attentionCached");
  check.within("slot", op.slot, -1, op.cacheK.dims[0]);
  check.within("position", op.position, 0, op.cacheK.dims[1], &op.slot);
}

inline void checkIndices(const PrefixAttention& op) {
  const IndexCheck check("prefixAttention");
  check.upToOwnRow("segmentStart", op.segmentStart);
}

inline void checkIndices(const PrefixAttentionBackward& op) {
  const IndexCheck check("prefixAttentionBackward");
  check.upToOwnRow("segmentStart", op.segmentStart);
}

inline void checkIndices(const ReplaceRows& op) {
  const IndexCheck check("replaceRows");
  check.within("index", op.index, 0, op.x.dims[0]);
  check.distinct({{&op.index, op.x.dims[0]}});
}

inline void checkIndices(const SegmentSum& op) {
  const IndexCheck check("segmentSum");
  check.within("segment", op.segment, -1, op.scale.dims[0]);
}

inline void checkIndices(const SegmentSumBackward& op) {
  const IndexCheck check("segmentSumBackward");
  check.within("segment", op.segment, -1, op.dy.dims[0]);
}

inline void checkIndices(const RouteBackward& op) {
  const IndexCheck check("routeBackward");
  check.within("expert", op.expert, 0, op.logits.dims[1]);
}

inline void checkIndices(const GatherExperts& op) {
  const IndexCheck check("gatherExperts");
  check.within("order", op.order, 0, op.order.dims[0]);
}

inline void checkIndices(const MixExperts& op) {
  const IndexCheck check("mixExperts");
  check.within("order", op.order, 0, op.y.dims[0]);
  check.within("place", op.place, 0, op.y.dims[0]);
}

inline void checkIndices(const MixExpertsBackward& op) {
  const IndexCheck check("mixExpertsBackward");
  check.within("order", op.order, 0, op.y.dims[0]);
  check.distinct({{&op.order, op.y.dims[0]}});
}

inline void checkIndices(const ExpertLinear& op) {
  const IndexCheck check("expertLinear");
  check.ascending("starts", op.starts, op.x.dims[0]);
}

inline void checkIndices(const ExpertInput& op) {
  const IndexCheck check("expertInput");
  check.ascending("starts", op.starts, op.dy.dims[0]);
}

inline void checkIndices(const ExpertGradWeight& op) {
  const IndexCheck check("expertGradWeight");
  check.ascending("starts", op.starts, op.dy.dims[0]);
}

inline void checkIndices(const ExpertGradBias& op) {
  const IndexCheck check("expertGradBias");
  check.ascending("starts", op.starts, op.dy.dims[0]);
}

inline void checkIndices(const RouterLoad& op) {
  const IndexCheck check("routerLoad");
  check.within("expert", op.expert, 0, op.logits.dims[1]);
  check.upToOwnRow("segmentStart", op.segmentStart);
}

inline void checkIndices(const RouterLoadBackward& op) {
  const IndexCheck check("routerLoadBackward");
  check.upToOwnRow("segmentStart", op.segmentStart);
}

// X(name, Struct) for every op that has indices.
#define LUTHIER_INDEXED_OPS(X) \
  X(embed, Embed) \
  X(embedBackward, EmbedBackward) \
  X(attention, Attention) \
  X(attentionBackward, AttentionBackward) \
  X(gatherRows, GatherRows) \
  X(scatterRows, ScatterRows) \
  X(linearCrossEntropy, LinearCrossEntropy) \
  X(cacheAppend, CacheAppend) \
  X(attentionCached, AttentionCached) \
  X(prefixAttention, PrefixAttention) \
  X(prefixAttentionBackward, PrefixAttentionBackward) \
  X(replaceRows, ReplaceRows) \
  X(segmentSum, SegmentSum) \
  X(segmentSumBackward, SegmentSumBackward) \
  X(routeBackward, RouteBackward) \
  X(gatherExperts, GatherExperts) \
  X(mixExperts, MixExperts) \
  X(mixExpertsBackward, MixExpertsBackward) \
  X(expertLinear, ExpertLinear) \
  X(expertInput, ExpertInput) \
  X(expertGradWeight, ExpertGradWeight) \
  X(expertGradBias, ExpertGradBias) \
  X(routerLoad, RouterLoad) \
  X(routerLoadBackward, RouterLoadBackward)

}  // namespace luthier
