// Generated from trainer/ops/*/op.ts by `node tools/node24.mjs trainer/ops/generate.ts`. Do not edit.
//
// The signature of each op: its operands, its attributes and their bounds.
#pragma once

#include "../runtime/signatures.h"
#include "ops.h"

namespace luthier {

inline constexpr OperandInfo embedOperands[] = {
    {"ids", OperandType::i32, "T", false, false, true, -1, -1},
    {"weight", OperandType::dense, "V,d", false, false, false, -1, -1},
    {"y", OperandType::act, "T,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo embedBackwardOperands[] = {
    {"ids", OperandType::i32, "T", false, false, true, -1, -1},
    {"dy", OperandType::act, "T,d", false, false, false, -1, -1},
    {"dWeight", OperandType::sum, "V,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo rmsNormOperands[] = {
    {"x", OperandType::act, "T,n", false, false, false, -1, -1},
    {"weight", OperandType::dense, "d", false, false, false, -1, -1},
    {"residual", OperandType::act, "T,n", true, false, false, -1, -1},
    {"y", OperandType::act, "T,n", false, true, false, -1, -1},
    {"rstd", OperandType::sum, "n/d*T", false, true, false, -1, -1},
    {"sum", OperandType::act, "T,n", true, true, false, -1, -1},
};
inline constexpr AttributeInfo rmsNormAttributes[] = {
    {"eps", true, -unbounded, unbounded, false, -1, {}, 0},
    {"offset", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo rmsNormBackwardOperands[] = {
    {"dy", OperandType::act, "T,n", false, false, false, -1, -1},
    {"h", OperandType::act, "T,n", false, false, false, -1, -1},
    {"weight", OperandType::dense, "d", false, false, false, -1, -1},
    {"rstd", OperandType::sum, "n/d*T", false, false, false, -1, -1},
    {"dSum", OperandType::act, "T,n", true, false, false, -1, -1},
    {"dWeight", OperandType::sum, "d", true, true, false, -1, -1},
    {"dx", OperandType::act, "T,n", false, true, false, -1, -1},
};
inline constexpr AttributeInfo rmsNormBackwardAttributes[] = {
    {"offset", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo linearOperands[] = {
    {"x", OperandType::act, "T,in", false, false, false, -1, -1},
    {"w", OperandType::weight, "out,in", false, false, false, -1, -1},
    {"tailX", OperandType::act, "T,r", true, false, false, 3, -1},
    {"tailW", OperandType::dense, "out,r", true, false, false, 2, -1},
    {"bias", OperandType::dense, "out", true, false, false, -1, -1},
    {"residual", OperandType::act, "T,out", true, false, false, -1, -1},
    {"y", OperandType::act, "T,out", false, true, false, -1, -1},
};
inline constexpr AttributeInfo linearAttributes[] = {
    {"tailScale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo linearInputOperands[] = {
    {"dy", OperandType::act, "T,out", false, false, false, -1, -1},
    {"w", OperandType::weight, "out,in", false, false, false, -1, -1},
    {"tailX", OperandType::act, "T,r", true, false, false, 3, -1},
    {"tailW", OperandType::dense, "r,in", true, false, false, 2, -1},
    {"add", OperandType::act, "T,in", true, false, false, -1, -1},
    {"dx", OperandType::act, "T,in", false, true, false, -1, -1},
};
inline constexpr AttributeInfo linearInputAttributes[] = {
    {"tailScale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo gradWeightOperands[] = {
    {"dy", OperandType::act, "T,out", false, false, false, -1, -1},
    {"x", OperandType::act, "T,in", false, false, false, -1, -1},
    {"dW", OperandType::sum, "out,in", false, true, false, -1, -1},
};
inline constexpr AttributeInfo gradWeightAttributes[] = {
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo ropeOperands[] = {
    {"x", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"cos", OperandType::sum, "T,headDim/2", false, false, false, -1, -1},
    {"sin", OperandType::sum, "T,headDim/2", false, false, false, -1, -1},
    {"y", OperandType::act, "T,heads*headDim", false, true, false, -1, -1},
};
inline constexpr AttributeInfo ropeAttributes[] = {
    {"heads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"sign", false, -unbounded, unbounded, false, -1, {1, -1}, 2},
    {"rotary", false, 0, 65536, false, -1, {}, 0},
};

inline constexpr OperandInfo attentionOperands[] = {
    {"q", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"k", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"v", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"segmentStart", OperandType::i32, "T", false, false, true, -1, -1},
    {"sinks", OperandType::dense, "heads", true, false, false, -1, -1},
    {"o", OperandType::act, "T,heads*headDim", false, true, false, -1, -1},
    {"lse", OperandType::sum, "T,heads", false, true, false, -1, -1},
};
inline constexpr AttributeInfo attentionAttributes[] = {
    {"heads", false, 1, 65536, false, 1, {}, 0},
    {"kvHeads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
    {"softcap", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo attentionBackwardOperands[] = {
    {"q", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"k", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"v", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"o", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"lse", OperandType::sum, "T,heads", false, false, false, -1, -1},
    {"dO", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"segmentStart", OperandType::i32, "T", false, false, true, -1, -1},
    {"dq", OperandType::act, "T,heads*headDim", false, true, false, -1, -1},
    {"dk", OperandType::act, "T,kvHeads*headDim", false, true, false, -1, -1},
    {"dv", OperandType::act, "T,kvHeads*headDim", false, true, false, -1, -1},
};
inline constexpr AttributeInfo attentionBackwardAttributes[] = {
    {"heads", false, 1, 65536, false, 1, {}, 0},
    {"kvHeads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
    {"softcap", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo gluOperands[] = {
    {"gate", OperandType::act, "*", false, false, false, -1, -1},
    {"up", OperandType::act, "*", false, false, false, -1, -1},
    {"y", OperandType::act, "*", false, true, false, -1, -1},
};
inline constexpr AttributeInfo gluAttributes[] = {
    {"activation", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo gluBackwardOperands[] = {
    {"dy", OperandType::act, "*", false, false, false, -1, -1},
    {"gate", OperandType::act, "*", false, false, false, -1, -1},
    {"up", OperandType::act, "*", false, false, false, -1, -1},
    {"dGate", OperandType::act, "*", false, true, false, -1, -1},
    {"dUp", OperandType::act, "*", false, true, false, -1, -1},
};
inline constexpr AttributeInfo gluBackwardAttributes[] = {
    {"activation", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo gatherRowsOperands[] = {
    {"x", OperandType::act, "T,d", false, false, false, -1, -1},
    {"index", OperandType::i32, "R", false, false, true, -1, -1},
    {"y", OperandType::act, "R,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo scatterRowsOperands[] = {
    {"dy", OperandType::act, "R,d", false, false, false, -1, -1},
    {"index", OperandType::i32, "R", false, false, true, -1, -1},
    {"dx", OperandType::act, "T,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo linearCrossEntropyOperands[] = {
    {"h", OperandType::act, "R,d", false, false, false, -1, -1},
    {"w", OperandType::dense, "V,d", false, false, false, -1, -1},
    {"target", OperandType::i32, "R", false, false, true, -1, -1},
    {"lossWeight", OperandType::sum, "R", false, false, true, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
    {"dW", OperandType::sum, "V,d", true, true, false, -1, -1},
    {"nll", OperandType::sum, "R", false, true, false, -1, -1},
    {"dh", OperandType::act, "R,d", true, true, false, -1, -1},
};
inline constexpr AttributeInfo linearCrossEntropyAttributes[] = {
    {"softcap", true, 0, unbounded, false, -1, {}, 0},
    {"smoothing", true, 0, 1, true, -1, {}, 0},
};

inline constexpr OperandInfo dropoutOperands[] = {
    {"x", OperandType::act, "T,d", false, false, false, -1, -1},
    {"rowKey", OperandType::u32, "T,2", false, false, true, -1, -1},
    {"rngKey", OperandType::u32, "2", false, false, true, -1, -1},
    {"y", OperandType::act, "T,d", false, true, false, -1, -1},
};
inline constexpr AttributeInfo dropoutAttributes[] = {
    {"p", true, 0, 1, true, -1, {}, 0},
    {"tensorId", false, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo castOperands[] = {
    {"x", OperandType::dense, "*", false, false, false, -1, -1},
    {"y", OperandType::dense, "*", false, true, false, -1, -1},
};
inline constexpr AttributeInfo castAttributes[] = {
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo addOperands[] = {
    {"a", OperandType::act, "*", false, false, false, -1, -1},
    {"b", OperandType::act, "*", false, false, false, -1, -1},
    {"y", OperandType::act, "*", false, true, false, -1, -1},
};

inline constexpr OperandInfo fillOperands[] = {
    {"y", OperandType::any, "*", false, true, false, -1, -1},
};
inline constexpr AttributeInfo fillAttributes[] = {
    {"value", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo sumSquaresOperands[] = {
    {"x", OperandType::dense, "*", false, false, false, -1, -1},
    {"total", OperandType::f64, "1", false, true, false, -1, -1},
};

inline constexpr OperandInfo clipOperands[] = {
    {"total", OperandType::f64, "1", false, false, false, -1, -1},
    {"norm", OperandType::sum, "1", false, true, false, -1, -1},
    {"factor", OperandType::sum, "1", false, true, false, -1, -1},
};
inline constexpr AttributeInfo clipAttributes[] = {
    {"maxNorm", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo adamwOperands[] = {
    {"grad", OperandType::sum, "#", false, false, false, -1, -1},
    {"factor", OperandType::sum, "1", false, false, false, -1, -1},
    {"hyper", OperandType::sum, "3", false, false, false, -1, -1},
    {"theta", OperandType::sum, "#", false, true, false, -1, -1},
    {"m", OperandType::sum, "#", false, true, false, -1, -1},
    {"v", OperandType::sum, "#", false, true, false, -1, -1},
};
inline constexpr AttributeInfo adamwAttributes[] = {
    {"oneMinusBeta1", true, -unbounded, unbounded, false, -1, {}, 0},
    {"beta2", true, -unbounded, unbounded, false, -1, {}, 0},
    {"oneMinusBeta2", true, -unbounded, unbounded, false, -1, {}, 0},
    {"eps", true, -unbounded, unbounded, false, -1, {}, 0},
    {"weightDecay", true, -unbounded, unbounded, false, -1, {}, 0},
    {"learningRateScale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo cacheAppendOperands[] = {
    {"k", OperandType::act, "T,e", false, false, false, -1, -1},
    {"v", OperandType::act, "T,e", false, false, false, -1, -1},
    {"slot", OperandType::i32, "T", false, false, true, -1, -1},
    {"position", OperandType::i32, "T", false, false, true, -1, -1},
    {"cacheK", OperandType::act, "slots,capacity,e", false, true, false, -1, -1},
    {"cacheV", OperandType::act, "slots,capacity,e", false, true, false, -1, -1},
};

inline constexpr OperandInfo attentionCachedOperands[] = {
    {"q", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"cacheK", OperandType::act, "slots,capacity,kvHeads*headDim", false, false, false, -1, -1},
    {"cacheV", OperandType::act, "slots,capacity,kvHeads*headDim", false, false, false, -1, -1},
    {"slot", OperandType::i32, "T", false, false, true, -1, -1},
    {"position", OperandType::i32, "T", false, false, true, -1, -1},
    {"sinks", OperandType::dense, "heads", true, false, false, -1, -1},
    {"o", OperandType::act, "T,heads*headDim", false, true, false, -1, -1},
};
inline constexpr AttributeInfo attentionCachedAttributes[] = {
    {"heads", false, 1, 65536, false, 1, {}, 0},
    {"kvHeads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
    {"softcap", true, 0, unbounded, false, -1, {}, 0},
    {"window", false, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo argmaxOperands[] = {
    {"x", OperandType::act, "R,V", false, false, false, -1, -1},
    {"index", OperandType::i32, "R", false, true, false, -1, -1},
};

inline constexpr OperandInfo multiplyOperands[] = {
    {"a", OperandType::act, "*", false, false, false, -1, -1},
    {"b", OperandType::act, "*", false, false, false, -1, -1},
    {"y", OperandType::act, "*", false, true, false, -1, -1},
};

inline constexpr OperandInfo scaleColumnsOperands[] = {
    {"x", OperandType::act, "T,d", false, false, false, -1, -1},
    {"scale", OperandType::dense, "d", false, false, false, -1, -1},
    {"bias", OperandType::dense, "d", true, false, false, -1, -1},
    {"residual", OperandType::act, "T,d", true, false, false, -1, -1},
    {"y", OperandType::act, "T,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo scaleColumnsBackwardOperands[] = {
    {"dy", OperandType::act, "T,d", false, false, false, -1, -1},
    {"x", OperandType::act, "T,d", false, false, false, -1, -1},
    {"scale", OperandType::dense, "d", false, false, false, -1, -1},
    {"dScale", OperandType::sum, "d", true, true, false, -1, -1},
    {"dx", OperandType::act, "T,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo inverseRowNormOperands[] = {
    {"w", OperandType::weight, "out,in", false, false, false, -1, -1},
    {"a", OperandType::act, "r,in", false, false, false, -1, -1},
    {"b", OperandType::act, "out,r", false, false, false, -1, -1},
    {"inverse", OperandType::sum, "out", false, true, false, -1, -1},
};
inline constexpr AttributeInfo inverseRowNormAttributes[] = {
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo prefixAttentionOperands[] = {
    {"q", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"k", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"v", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"segmentStart", OperandType::i32, "T", false, false, true, -1, -1},
    {"prefixK", OperandType::act, "n,kvHeads*headDim", false, false, false, -1, -1},
    {"prefixV", OperandType::act, "n,kvHeads*headDim", false, false, false, -1, -1},
    {"sinks", OperandType::dense, "heads", true, false, false, -1, -1},
    {"o", OperandType::act, "T,heads*headDim", false, true, false, -1, -1},
    {"lse", OperandType::sum, "T,heads", false, true, false, -1, -1},
};
inline constexpr AttributeInfo prefixAttentionAttributes[] = {
    {"heads", false, 1, 65536, false, 1, {}, 0},
    {"kvHeads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
    {"softcap", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo prefixAttentionBackwardOperands[] = {
    {"q", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"k", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"v", OperandType::act, "T,kvHeads*headDim", false, false, false, -1, -1},
    {"o", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"lse", OperandType::sum, "T,heads", false, false, false, -1, -1},
    {"dO", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"segmentStart", OperandType::i32, "T", false, false, true, -1, -1},
    {"prefixK", OperandType::act, "n,kvHeads*headDim", false, false, false, -1, -1},
    {"prefixV", OperandType::act, "n,kvHeads*headDim", false, false, false, -1, -1},
    {"dPrefixK", OperandType::sum, "n,kvHeads*headDim", true, true, false, -1, -1},
    {"dPrefixV", OperandType::sum, "n,kvHeads*headDim", true, true, false, -1, -1},
    {"dq", OperandType::act, "T,heads*headDim", false, true, false, -1, -1},
    {"dk", OperandType::act, "T,kvHeads*headDim", false, true, false, -1, -1},
    {"dv", OperandType::act, "T,kvHeads*headDim", false, true, false, -1, -1},
};
inline constexpr AttributeInfo prefixAttentionBackwardAttributes[] = {
    {"heads", false, 1, 65536, false, 1, {}, 0},
    {"kvHeads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
    {"softcap", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo cachePrefixOperands[] = {
    {"prefixK", OperandType::act, "n,e", false, false, false, -1, -1},
    {"prefixV", OperandType::act, "n,e", false, false, false, -1, -1},
    {"cacheK", OperandType::act, "slots,capacity,e", false, true, false, -1, -1},
    {"cacheV", OperandType::act, "slots,capacity,e", false, true, false, -1, -1},
};

inline constexpr OperandInfo orthogonalityOperands[] = {
    {"x", OperandType::dense, "n,m", false, false, false, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
};
inline constexpr AttributeInfo orthogonalityAttributes[] = {
    {"columns", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
    {"weight", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo orthogonalityBackwardOperands[] = {
    {"x", OperandType::dense, "n,m", false, false, false, -1, -1},
    {"dX", OperandType::sum, "n,m", false, true, false, -1, -1},
};
inline constexpr AttributeInfo orthogonalityBackwardAttributes[] = {
    {"columns", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
    {"weight", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo importanceOperands[] = {
    {"theta", OperandType::sum, "#", false, false, false, -1, -1},
    {"grad", OperandType::sum, "#", false, false, false, -1, -1},
    {"factor", OperandType::sum, "1", false, false, false, -1, -1},
    {"sensitivity", OperandType::sum, "#", false, true, false, -1, -1},
    {"uncertainty", OperandType::sum, "#", false, true, false, -1, -1},
};
inline constexpr AttributeInfo importanceAttributes[] = {
    {"beta1", true, -unbounded, unbounded, false, -1, {}, 0},
    {"oneMinusBeta1", true, -unbounded, unbounded, false, -1, {}, 0},
    {"beta2", true, -unbounded, unbounded, false, -1, {}, 0},
    {"oneMinusBeta2", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo gradBiasOperands[] = {
    {"dy", OperandType::act, "T,d", false, false, false, -1, -1},
    {"dBias", OperandType::sum, "d", false, true, false, -1, -1},
};
inline constexpr AttributeInfo gradBiasAttributes[] = {
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo columnProductsOperands[] = {
    {"a", OperandType::act, "r,n", false, false, false, -1, -1},
    {"b", OperandType::act, "s,n", false, false, false, -1, -1},
    {"y", OperandType::act, "r*s,n", false, true, false, -1, -1},
};

inline constexpr OperandInfo columnProductsBackwardOperands[] = {
    {"a", OperandType::act, "r,n", false, false, false, -1, -1},
    {"b", OperandType::act, "s,n", false, false, false, -1, -1},
    {"dy", OperandType::act, "r*s,n", false, false, false, -1, -1},
    {"da", OperandType::act, "r,n", false, true, false, -1, -1},
    {"db", OperandType::act, "s,n", false, true, false, -1, -1},
};

inline constexpr OperandInfo kroneckerOperands[] = {
    {"a", OperandType::dense, "l,m", false, false, false, -1, -1},
    {"b", OperandType::dense, "k,n", false, false, false, -1, -1},
    {"x", OperandType::act, "T,m*n", false, false, false, -1, -1},
    {"residual", OperandType::act, "T,l*k", true, false, false, -1, -1},
    {"y", OperandType::act, "T,l*k", false, true, false, -1, -1},
};
inline constexpr AttributeInfo kroneckerAttributes[] = {
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo kroneckerBackwardOperands[] = {
    {"a", OperandType::dense, "l,m", false, false, false, -1, -1},
    {"b", OperandType::dense, "k,n", false, false, false, -1, -1},
    {"x", OperandType::act, "T,m*n", false, false, false, -1, -1},
    {"dy", OperandType::act, "T,l*k", false, false, false, -1, -1},
    {"dA", OperandType::sum, "l,m", true, true, false, -1, -1},
    {"dB", OperandType::sum, "k,n", true, true, false, -1, -1},
    {"dx", OperandType::act, "T,m*n", false, true, false, -1, -1},
};
inline constexpr AttributeInfo kroneckerBackwardAttributes[] = {
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo reluOperands[] = {
    {"x", OperandType::act, "*", false, false, false, -1, -1},
    {"y", OperandType::act, "*", false, true, false, -1, -1},
};

inline constexpr OperandInfo reluBackwardOperands[] = {
    {"dy", OperandType::act, "*", false, false, false, -1, -1},
    {"y", OperandType::act, "*", false, false, false, -1, -1},
    {"dx", OperandType::act, "*", false, true, false, -1, -1},
};

inline constexpr OperandInfo softcapOperands[] = {
    {"x", OperandType::act, "*", false, false, false, -1, -1},
    {"y", OperandType::act, "*", false, true, false, -1, -1},
};
inline constexpr AttributeInfo softcapAttributes[] = {
    {"cap", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo sliceColumnsOperands[] = {
    {"x", OperandType::act, "T,before+width+after", false, false, false, -1, -1},
    {"y", OperandType::act, "T,width", false, true, false, -1, -1},
};
inline constexpr AttributeInfo sliceColumnsAttributes[] = {
    {"before", false, 0, 16777216, false, -1, {}, 0},
    {"width", false, 1, 16777216, false, -1, {}, 0},
    {"after", false, 0, 16777216, false, -1, {}, 0},
};

inline constexpr OperandInfo sliceColumnsBackwardOperands[] = {
    {"dy", OperandType::act, "T,width", false, false, false, -1, -1},
    {"sum", OperandType::act, "T,before+width+after", true, false, false, -1, -1},
    {"dx", OperandType::act, "T,before+width+after", false, true, false, -1, -1},
};
inline constexpr AttributeInfo sliceColumnsBackwardAttributes[] = {
    {"before", false, 0, 16777216, false, -1, {}, 0},
    {"width", false, 1, 16777216, false, -1, {}, 0},
    {"after", false, 0, 16777216, false, -1, {}, 0},
};

inline constexpr OperandInfo adamw8Operands[] = {
    {"grad", OperandType::sum, "#", false, false, false, -1, -1},
    {"factor", OperandType::sum, "1", false, false, false, -1, -1},
    {"hyper", OperandType::sum, "3", false, false, false, -1, -1},
    {"theta", OperandType::sum, "#", false, true, false, -1, -1},
    {"m", OperandType::u8, "#", false, true, false, -1, -1},
    {"mScale", OperandType::sum, "#~256", false, true, false, -1, -1},
    {"v", OperandType::u8, "#", false, true, false, -1, -1},
    {"vScale", OperandType::sum, "#~256", false, true, false, -1, -1},
};
inline constexpr AttributeInfo adamw8Attributes[] = {
    {"beta1", true, -unbounded, unbounded, false, -1, {}, 0},
    {"oneMinusBeta1", true, -unbounded, unbounded, false, -1, {}, 0},
    {"beta2", true, -unbounded, unbounded, false, -1, {}, 0},
    {"oneMinusBeta2", true, -unbounded, unbounded, false, -1, {}, 0},
    {"eps", true, -unbounded, unbounded, false, -1, {}, 0},
    {"weightDecay", true, -unbounded, unbounded, false, -1, {}, 0},
    {"learningRateScale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo noiseOperands[] = {
    {"x", OperandType::act, "T,d", false, false, false, -1, -1},
    {"length", OperandType::i32, "T", false, false, true, -1, -1},
    {"rowKey", OperandType::u32, "T,2", false, false, true, -1, -1},
    {"rngKey", OperandType::u32, "2", false, false, true, -1, -1},
    {"y", OperandType::act, "T,d", false, true, false, -1, -1},
};
inline constexpr AttributeInfo noiseAttributes[] = {
    {"alpha", true, 0, unbounded, false, -1, {}, 0},
    {"tensorId", false, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo lstmOperands[] = {
    {"x", OperandType::act, "n,4*width", false, false, false, -1, -1},
    {"w", OperandType::act, "4*width,width", false, false, false, -1, -1},
    {"y", OperandType::act, "n,width", false, true, false, -1, -1},
    {"gates", OperandType::act, "n,4*width", false, true, false, -1, -1},
    {"cell", OperandType::act, "n,width", false, true, false, -1, -1},
    {"before", OperandType::act, "n,width", false, true, false, -1, -1},
};
inline constexpr AttributeInfo lstmAttributes[] = {
    {"width", false, 1, 65536, false, -1, {}, 0},
    {"reverse", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo lstmBackwardOperands[] = {
    {"dy", OperandType::act, "n,width", false, false, false, -1, -1},
    {"gates", OperandType::act, "n,4*width", false, false, false, -1, -1},
    {"cell", OperandType::act, "n,width", false, false, false, -1, -1},
    {"w", OperandType::act, "4*width,width", false, false, false, -1, -1},
    {"dx", OperandType::act, "n,4*width", false, true, false, -1, -1},
};
inline constexpr AttributeInfo lstmBackwardAttributes[] = {
    {"width", false, 1, 65536, false, -1, {}, 0},
    {"reverse", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo replaceRowsOperands[] = {
    {"x", OperandType::dense, "V,d", false, false, false, -1, -1},
    {"rows", OperandType::dense, "n,d", false, false, false, -1, -1},
    {"index", OperandType::i32, "n", false, false, true, -1, -1},
    {"y", OperandType::dense, "V,d", false, true, false, -1, -1},
};

inline constexpr OperandInfo segmentSumOperands[] = {
    {"x", OperandType::sum, "R", false, false, false, -1, -1},
    {"minus", OperandType::sum, "R", true, false, false, -1, -1},
    {"segment", OperandType::i32, "R", false, false, true, -1, -1},
    {"scale", OperandType::sum, "S", false, false, false, -1, -1},
    {"y", OperandType::f64, "S", false, true, false, -1, -1},
};

inline constexpr OperandInfo segmentSumBackwardOperands[] = {
    {"dy", OperandType::f64, "S", false, false, false, -1, -1},
    {"segment", OperandType::i32, "R", false, false, true, -1, -1},
    {"scale", OperandType::sum, "S", false, false, false, -1, -1},
    {"dx", OperandType::sum, "R", false, true, false, -1, -1},
};

inline constexpr OperandInfo weightedSumOperands[] = {
    {"x", OperandType::sum, "R", false, false, false, -1, -1},
    {"weight", OperandType::sum, "R", false, false, false, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
};

inline constexpr OperandInfo pairLossOperands[] = {
    {"weight", OperandType::sum, "P", false, false, false, -1, -1},
    {"z", OperandType::f64, "2*P", false, false, false, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
    {"dz", OperandType::f64, "2*P", false, true, false, -1, -1},
};
inline constexpr AttributeInfo pairLossAttributes[] = {
    {"beta", true, 0, unbounded, false, -1, {}, 0},
    {"odds", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo ktoLossOperands[] = {
    {"weight", OperandType::sum, "S", false, false, false, -1, -1},
    {"z", OperandType::f64, "S", false, false, false, -1, -1},
    {"divergence", OperandType::sum, "1", false, false, false, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
    {"dz", OperandType::f64, "S", false, true, false, -1, -1},
};
inline constexpr AttributeInfo ktoLossAttributes[] = {
    {"beta", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo routeOperands[] = {
    {"logits", OperandType::act, "T,E", false, false, false, -1, -1},
    {"weights", OperandType::sum, "T,topK", false, true, false, -1, -1},
    {"expert", OperandType::i32, "T*topK", false, true, false, -1, -1},
    {"order", OperandType::i32, "T*topK", false, true, false, -1, -1},
    {"place", OperandType::i32, "T*topK", false, true, false, -1, -1},
    {"starts", OperandType::i32, "E+1", false, true, false, -1, -1},
};
inline constexpr AttributeInfo routeAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
    {"normalized", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo routeBackwardOperands[] = {
    {"logits", OperandType::act, "T,E", false, false, false, -1, -1},
    {"weights", OperandType::sum, "T,topK", false, false, false, -1, -1},
    {"expert", OperandType::i32, "T*topK", false, false, true, -1, -1},
    {"dWeights", OperandType::sum, "T,topK", false, false, false, -1, -1},
    {"dLogits", OperandType::act, "T,E", false, true, false, -1, -1},
};
inline constexpr AttributeInfo routeBackwardAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
    {"normalized", false, -unbounded, unbounded, false, -1, {0, 1}, 2},
};

inline constexpr OperandInfo gatherExpertsOperands[] = {
    {"x", OperandType::act, "T,d", false, false, false, -1, -1},
    {"order", OperandType::i32, "T*topK", false, false, true, -1, -1},
    {"place", OperandType::i32, "T*topK", false, false, true, -1, -1},
    {"y", OperandType::act, "T*topK,d", false, true, false, -1, -1},
};
inline constexpr AttributeInfo gatherExpertsAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
};

inline constexpr OperandInfo mixExpertsOperands[] = {
    {"y", OperandType::act, "P,d", false, false, false, -1, -1},
    {"order", OperandType::i32, "P", false, false, true, -1, -1},
    {"place", OperandType::i32, "P", false, false, true, -1, -1},
    {"weights", OperandType::sum, "P/topK,topK", true, false, false, -1, -1},
    {"residual", OperandType::act, "P/topK,d", true, false, false, -1, -1},
    {"z", OperandType::act, "P/topK,d", false, true, false, -1, -1},
};
inline constexpr AttributeInfo mixExpertsAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
};

inline constexpr OperandInfo mixExpertsBackwardOperands[] = {
    {"y", OperandType::act, "P,d", false, false, false, -1, -1},
    {"dz", OperandType::act, "P/topK,d", false, false, false, -1, -1},
    {"order", OperandType::i32, "P", false, false, true, -1, -1},
    {"weights", OperandType::sum, "P/topK,topK", false, false, false, -1, -1},
    {"dy", OperandType::act, "P,d", false, true, false, -1, -1},
    {"dWeights", OperandType::sum, "P/topK,topK", false, true, false, -1, -1},
};
inline constexpr AttributeInfo mixExpertsBackwardAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
};

inline constexpr OperandInfo expertLinearOperands[] = {
    {"x", OperandType::act, "P,in", false, false, false, -1, -1},
    {"w", OperandType::weight, "out,in", false, false, false, -1, 0},
    {"starts", OperandType::i32, "experts+1", false, false, true, -1, -1},
    {"tailX", OperandType::act, "P,r", true, false, false, 4, -1},
    {"tailW", OperandType::dense, "out,r", true, false, false, 3, 0},
    {"bias", OperandType::dense, "experts,out", true, false, false, -1, -1},
    {"y", OperandType::act, "P,out", false, true, false, -1, -1},
};
inline constexpr AttributeInfo expertLinearAttributes[] = {
    {"experts", false, 1, 4096, false, -1, {}, 0},
};

inline constexpr OperandInfo expertInputOperands[] = {
    {"dy", OperandType::act, "P,out", false, false, false, -1, -1},
    {"w", OperandType::weight, "out,in", false, false, false, -1, 0},
    {"starts", OperandType::i32, "experts+1", false, false, true, -1, -1},
    {"add", OperandType::act, "P,in", true, false, false, -1, -1},
    {"dx", OperandType::act, "P,in", false, true, false, -1, -1},
};
inline constexpr AttributeInfo expertInputAttributes[] = {
    {"experts", false, 1, 4096, false, -1, {}, 0},
};

inline constexpr OperandInfo expertGradWeightOperands[] = {
    {"dy", OperandType::act, "P,out", false, false, false, -1, -1},
    {"x", OperandType::act, "P,in", false, false, false, -1, -1},
    {"starts", OperandType::i32, "experts+1", false, false, true, -1, -1},
    {"dW", OperandType::sum, "out,in", false, true, false, -1, 0},
};
inline constexpr AttributeInfo expertGradWeightAttributes[] = {
    {"experts", false, 1, 4096, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo sinkGradientOperands[] = {
    {"o", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"lse", OperandType::sum, "T,heads", false, false, false, -1, -1},
    {"dO", OperandType::act, "T,heads*headDim", false, false, false, -1, -1},
    {"sinks", OperandType::dense, "heads", false, false, false, -1, -1},
    {"dSinks", OperandType::sum, "heads", false, true, false, -1, -1},
};
inline constexpr AttributeInfo sinkGradientAttributes[] = {
    {"heads", false, 1, 65536, false, -1, {}, 0},
    {"headDim", false, 1, 65536, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo expertGradBiasOperands[] = {
    {"dy", OperandType::act, "P,out", false, false, false, -1, -1},
    {"starts", OperandType::i32, "experts+1", false, false, true, -1, -1},
    {"dBias", OperandType::sum, "experts,out", false, true, false, -1, -1},
};
inline constexpr AttributeInfo expertGradBiasAttributes[] = {
    {"experts", false, 1, 4096, false, -1, {}, 0},
    {"scale", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo clampedGluOperands[] = {
    {"x", OperandType::act, "T,w", false, false, false, -1, -1},
    {"y", OperandType::act, "T,w/2", false, true, false, -1, -1},
};
inline constexpr AttributeInfo clampedGluAttributes[] = {
    {"alpha", true, -unbounded, unbounded, false, -1, {}, 0},
    {"limit", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo clampedGluBackwardOperands[] = {
    {"x", OperandType::act, "T,w", false, false, false, -1, -1},
    {"dy", OperandType::act, "T,w/2", false, false, false, -1, -1},
    {"dx", OperandType::act, "T,w", false, true, false, -1, -1},
};
inline constexpr AttributeInfo clampedGluBackwardAttributes[] = {
    {"alpha", true, -unbounded, unbounded, false, -1, {}, 0},
    {"limit", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo routerLoadOperands[] = {
    {"logits", OperandType::act, "T,E", false, false, false, -1, -1},
    {"expert", OperandType::i32, "T*topK", false, false, true, -1, -1},
    {"segmentStart", OperandType::i32, "T", false, false, true, -1, -1},
    {"before", OperandType::sum, "T,2*E", true, false, false, -1, -1},
    {"load", OperandType::sum, "T,2*E", false, true, false, -1, -1},
};
inline constexpr AttributeInfo routerLoadAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
};

inline constexpr OperandInfo routerLoadBackwardOperands[] = {
    {"logits", OperandType::act, "T,E", false, false, false, -1, -1},
    {"segmentStart", OperandType::i32, "T", false, false, true, -1, -1},
    {"dLoad", OperandType::sum, "T,2*E", false, false, false, -1, -1},
    {"dLogits", OperandType::act, "T,E", false, true, false, -1, -1},
};

inline constexpr OperandInfo balanceLossOperands[] = {
    {"load", OperandType::sum, "T,n", false, false, false, -1, -1},
    {"weight", OperandType::sum, "T", false, false, false, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
    {"dLoad", OperandType::sum, "T,n", false, true, false, -1, -1},
};
inline constexpr AttributeInfo balanceLossAttributes[] = {
    {"topK", false, 1, 64, false, -1, {}, 0},
    {"coefficient", true, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo hardConcreteOperands[] = {
    {"w", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"alpha", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"group", OperandType::dense, "1", true, false, false, -1, -1},
    {"rngKey", OperandType::u32, "2", true, false, true, -1, -1},
    {"y", OperandType::dense, "out,in", false, true, false, -1, -1},
};
inline constexpr AttributeInfo hardConcreteAttributes[] = {
    {"low", true, -unbounded, unbounded, false, -1, {}, 0},
    {"high", true, -unbounded, unbounded, false, -1, {}, 0},
    {"site", false, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo hardConcreteBackwardOperands[] = {
    {"w", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"alpha", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"group", OperandType::dense, "1", true, false, false, -1, -1},
    {"rngKey", OperandType::u32, "2", true, false, true, -1, -1},
    {"dY", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"dW", OperandType::sum, "out,in", false, true, false, -1, -1},
    {"dAlpha", OperandType::sum, "out,in", false, true, false, -1, -1},
    {"dGroup", OperandType::sum, "1", true, true, false, -1, -1},
};
inline constexpr AttributeInfo hardConcreteBackwardAttributes[] = {
    {"low", true, -unbounded, unbounded, false, -1, {}, 0},
    {"high", true, -unbounded, unbounded, false, -1, {}, 0},
    {"site", false, 0, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo openGatesOperands[] = {
    {"alpha", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"group", OperandType::dense, "1", true, false, false, -1, -1},
    {"loss", OperandType::f64, "1", false, true, false, -1, -1},
};
inline constexpr AttributeInfo openGatesAttributes[] = {
    {"shift", true, -unbounded, unbounded, false, -1, {}, 0},
    {"weight", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo openGatesBackwardOperands[] = {
    {"alpha", OperandType::dense, "out,in", false, false, false, -1, -1},
    {"group", OperandType::dense, "1", true, false, false, -1, -1},
    {"dAlpha", OperandType::sum, "out,in", false, true, false, -1, -1},
    {"dGroup", OperandType::sum, "1", true, true, false, -1, -1},
};
inline constexpr AttributeInfo openGatesBackwardAttributes[] = {
    {"shift", true, -unbounded, unbounded, false, -1, {}, 0},
    {"weight", true, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo fastfoodOperands[] = {
    {"x", OperandType::act, "d", false, false, false, -1, -1},
    {"scale", OperandType::act, "1", true, false, false, -1, -1},
    {"y", OperandType::act, "out,in", false, true, false, -1, -1},
};
inline constexpr AttributeInfo fastfoodAttributes[] = {
    {"out", false, 1, 16777216, false, -1, {}, 0},
    {"in", false, 1, 16777216, false, -1, {}, 0},
    {"seed", false, -unbounded, unbounded, false, -1, {}, 0},
    {"layer", false, -unbounded, unbounded, false, -1, {}, 0},
};

inline constexpr OperandInfo fastfoodBackwardOperands[] = {
    {"x", OperandType::act, "d", false, false, false, -1, -1},
    {"scale", OperandType::act, "1", true, false, false, -1, -1},
    {"dY", OperandType::act, "out,in", false, false, false, -1, -1},
    {"dX", OperandType::act, "d", false, true, false, -1, -1},
    {"dScale", OperandType::act, "1", true, true, false, -1, -1},
};
inline constexpr AttributeInfo fastfoodBackwardAttributes[] = {
    {"out", false, 1, 16777216, false, -1, {}, 0},
    {"in", false, 1, 16777216, false, -1, {}, 0},
    {"seed", false, -unbounded, unbounded, false, -1, {}, 0},
    {"layer", false, -unbounded, unbounded, false, -1, {}, 0},
};

// By opcode − 1. An operand count of −1: any number.
inline constexpr OpInfo opTable[opcodeCount] = {
    {"embed", embedOperands, 3, nullptr, 0, 0},
    {"embedBackward", embedBackwardOperands, 3, nullptr, 0, 0},
    {"rmsNorm", rmsNormOperands, 6, rmsNormAttributes, 2, 1},
    {"rmsNormBackward", rmsNormBackwardOperands, 7, rmsNormBackwardAttributes, 1, 0},
    {"linear", linearOperands, 7, linearAttributes, 1, 1},
    {"linearInput", linearInputOperands, 6, linearInputAttributes, 1, 1},
    {"gradWeight", gradWeightOperands, 3, gradWeightAttributes, 1, 1},
    {"rope", ropeOperands, 4, ropeAttributes, 4, 3},
    {"attention", attentionOperands, 7, attentionAttributes, 5, 4},
    {"attentionBackward", attentionBackwardOperands, 10, attentionBackwardAttributes, 5, 4},
    {"glu", gluOperands, 3, gluAttributes, 1, 1},
    {"gluBackward", gluBackwardOperands, 5, gluBackwardAttributes, 1, 1},
    {"gatherRows", gatherRowsOperands, 3, nullptr, 0, 0},
    {"scatterRows", scatterRowsOperands, 3, nullptr, 0, 0},
    {"linearCrossEntropy", linearCrossEntropyOperands, 8, linearCrossEntropyAttributes, 2, 0},
    {"dropout", dropoutOperands, 4, dropoutAttributes, 2, 2},
    {"cast", castOperands, 2, castAttributes, 1, 1},
    {"add", addOperands, 3, nullptr, 0, 0},
    {"fill", fillOperands, 1, fillAttributes, 1, 1},
    {"sumSquares", sumSquaresOperands, 2, nullptr, 0, 0},
    {"clip", clipOperands, 3, clipAttributes, 1, 1},
    {"adamw", adamwOperands, 6, adamwAttributes, 6, 6},
    {"cacheAppend", cacheAppendOperands, 6, nullptr, 0, 0},
    {"attentionCached", attentionCachedOperands, 7, attentionCachedAttributes, 6, 4},
    {"argmax", argmaxOperands, 2, nullptr, 0, 0},
    {"release", nullptr, -1, nullptr, 0, 0},
    {"multiply", multiplyOperands, 3, nullptr, 0, 0},
    {"scaleColumns", scaleColumnsOperands, 5, nullptr, 0, 0},
    {"scaleColumnsBackward", scaleColumnsBackwardOperands, 5, nullptr, 0, 0},
    {"inverseRowNorm", inverseRowNormOperands, 4, inverseRowNormAttributes, 1, 1},
    {"prefixAttention", prefixAttentionOperands, 9, prefixAttentionAttributes, 5, 4},
    {"prefixAttentionBackward", prefixAttentionBackwardOperands, 14, prefixAttentionBackwardAttributes, 5, 4},
    {"cachePrefix", cachePrefixOperands, 4, nullptr, 0, 0},
    {"orthogonality", orthogonalityOperands, 2, orthogonalityAttributes, 2, 2},
    {"orthogonalityBackward", orthogonalityBackwardOperands, 2, orthogonalityBackwardAttributes, 2, 2},
    {"importance", importanceOperands, 5, importanceAttributes, 4, 4},
    {"gradBias", gradBiasOperands, 2, gradBiasAttributes, 1, 1},
    {"columnProducts", columnProductsOperands, 3, nullptr, 0, 0},
    {"columnProductsBackward", columnProductsBackwardOperands, 5, nullptr, 0, 0},
    {"kronecker", kroneckerOperands, 5, kroneckerAttributes, 1, 1},
    {"kroneckerBackward", kroneckerBackwardOperands, 7, kroneckerBackwardAttributes, 1, 1},
    {"relu", reluOperands, 2, nullptr, 0, 0},
    {"reluBackward", reluBackwardOperands, 3, nullptr, 0, 0},
    {"softcap", softcapOperands, 2, softcapAttributes, 1, 1},
    {"sliceColumns", sliceColumnsOperands, 2, sliceColumnsAttributes, 3, 3},
    {"sliceColumnsBackward", sliceColumnsBackwardOperands, 3, sliceColumnsBackwardAttributes, 3, 3},
    {"adamw8", adamw8Operands, 8, adamw8Attributes, 7, 7},
    {"noise", noiseOperands, 5, noiseAttributes, 2, 2},
    {"lstm", lstmOperands, 6, lstmAttributes, 2, 2},
    {"lstmBackward", lstmBackwardOperands, 5, lstmBackwardAttributes, 2, 2},
    {"replaceRows", replaceRowsOperands, 4, nullptr, 0, 0},
    {"segmentSum", segmentSumOperands, 5, nullptr, 0, 0},
    {"segmentSumBackward", segmentSumBackwardOperands, 4, nullptr, 0, 0},
    {"weightedSum", weightedSumOperands, 3, nullptr, 0, 0},
    {"pairLoss", pairLossOperands, 4, pairLossAttributes, 2, 2},
    {"ktoLoss", ktoLossOperands, 5, ktoLossAttributes, 1, 1},
    {"route", routeOperands, 6, routeAttributes, 2, 2},
    {"routeBackward", routeBackwardOperands, 5, routeBackwardAttributes, 2, 2},
    {"gatherExperts", gatherExpertsOperands, 4, gatherExpertsAttributes, 1, 1},
    {"mixExperts", mixExpertsOperands, 6, mixExpertsAttributes, 1, 1},
    {"mixExpertsBackward", mixExpertsBackwardOperands, 6, mixExpertsBackwardAttributes, 1, 1},
    {"expertLinear", expertLinearOperands, 7, expertLinearAttributes, 1, 1},
    {"expertInput", expertInputOperands, 5, expertInputAttributes, 1, 1},
    {"expertGradWeight", expertGradWeightOperands, 4, expertGradWeightAttributes, 2, 2},
    {"sinkGradient", sinkGradientOperands, 5, sinkGradientAttributes, 3, 3},
    {"expertGradBias", expertGradBiasOperands, 3, expertGradBiasAttributes, 2, 2},
    {"clampedGlu", clampedGluOperands, 2, clampedGluAttributes, 2, 2},
    {"clampedGluBackward", clampedGluBackwardOperands, 3, clampedGluBackwardAttributes, 2, 2},
    {"routerLoad", routerLoadOperands, 5, routerLoadAttributes, 1, 1},
    {"routerLoadBackward", routerLoadBackwardOperands, 4, nullptr, 0, 0},
    {"balanceLoss", balanceLossOperands, 4, balanceLossAttributes, 2, 2},
    {"hardConcrete", hardConcreteOperands, 5, hardConcreteAttributes, 3, 3},
    {"hardConcreteBackward", hardConcreteBackwardOperands, 8, hardConcreteBackwardAttributes, 3, 3},
    {"openGates", openGatesOperands, 3, openGatesAttributes, 2, 2},
    {"openGatesBackward", openGatesBackwardOperands, 4, openGatesBackwardAttributes, 2, 2},
    {"fastfood", fastfoodOperands, 3, fastfoodAttributes, 4, 4},
    {"fastfoodBackward", fastfoodBackwardOperands, 5, fastfoodBackwardAttributes, 4, 4},
};

}  // namespace luthier
