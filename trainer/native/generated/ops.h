// Generated from trainer/ops/*/op.ts by `node tools/node24.mjs trainer/ops/generate.ts`. Do not edit.
//
// The opcodes, and for each op a struct that names its operands and attributes. An optional operand is a
// pointer, null when absent; an operand of several tensors points to the first; all others are references. A struct is built from a Call that the loader has checked
// (opTable.h). Kernel translation units include this header, so it stays free of the standard library's templates.
#pragma once

#include <cstdint>

#include "../runtime/call.h"

namespace luthier {

enum class Opcode : int32_t {
  embed = 1,
  embedBackward = 2,
  rmsNorm = 3,
  rmsNormBackward = 4,
  linear = 5,
  linearInput = 6,
  gradWeight = 7,
  rope = 8,
  attention = 9,
  attentionBackward = 10,
  glu = 11,
  gluBackward = 12,
  gatherRows = 13,
  scatterRows = 14,
  linearCrossEntropy = 15,
  dropout = 16,
  cast = 17,
  add = 18,
  fill = 19,
  sumSquares = 20,
  clip = 21,
  adamw = 22,
  cacheAppend = 23,
  attentionCached = 24,
  argmax = 25,
  release = 26,
  multiply = 27,
  scaleColumns = 28,
  scaleColumnsBackward = 29,
  inverseRowNorm = 30,
  prefixAttention = 31,
  prefixAttentionBackward = 32,
  cachePrefix = 33,
  orthogonality = 34,
  orthogonalityBackward = 35,
  importance = 36,
  gradBias = 37,
  columnProducts = 38,
  columnProductsBackward = 39,
  kronecker = 40,
  kroneckerBackward = 41,
  relu = 42,
  reluBackward = 43,
  softcap = 44,
  sliceColumns = 45,
  sliceColumnsBackward = 46,
  adamw8 = 47,
  noise = 48,
  lstm = 49,
  lstmBackward = 50,
  replaceRows = 51,
  segmentSum = 52,
  segmentSumBackward = 53,
  weightedSum = 54,
  pairLoss = 55,
  ktoLoss = 56,
  route = 57,
  routeBackward = 58,
  gatherExperts = 59,
  mixExperts = 60,
  mixExpertsBackward = 61,
  expertLinear = 62,
  expertInput = 63,
  expertGradWeight = 64,
  sinkGradient = 65,
  expertGradBias = 66,
  clampedGlu = 67,
  clampedGluBackward = 68,
  routerLoad = 69,
  routerLoadBackward = 70,
  balanceLoss = 71,
  hardConcrete = 72,
  hardConcreteBackward = 73,
  openGates = 74,
  openGatesBackward = 75,
  fastfood = 76,
  fastfoodBackward = 77,
};

inline constexpr int32_t opcodeCount = 77;  // opcodes run from 1 to this

struct Embed {
  const Tensor& ids;
  const Tensor& weight;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Embed(const Call& call)
      : ids(*call.operands[0]),
        weight(*call.operands[1]),
        y(*call.operands[2]) {}
};

struct EmbedBackward {
  const Tensor& ids;
  const Tensor& dy;
  const Tensor& dWeight;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit EmbedBackward(const Call& call)
      : ids(*call.operands[0]),
        dy(*call.operands[1]),
        dWeight(*call.operands[2]) {}
};

struct RmsNorm {
  const Tensor& x;
  const Tensor& weight;
  const Tensor* residual;
  const Tensor& y;
  const Tensor& rstd;
  const Tensor* sum;
  float eps;
  float offset;
  static constexpr uint32_t optionalOperands = 0x24;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit RmsNorm(const Call& call)
      : x(*call.operands[0]),
        weight(*call.operands[1]),
        residual(call.operands[2]),
        y(*call.operands[3]),
        rstd(*call.operands[4]),
        sum(call.operands[5]),
        eps(call.real(0)),
        offset(call.real(1)) {}
};

struct RmsNormBackward {
  const Tensor& dy;
  const Tensor& h;
  const Tensor& weight;
  const Tensor& rstd;
  const Tensor* dSum;
  const Tensor* dWeight;
  const Tensor& dx;
  float offset;
  static constexpr uint32_t optionalOperands = 0x30;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit RmsNormBackward(const Call& call)
      : dy(*call.operands[0]),
        h(*call.operands[1]),
        weight(*call.operands[2]),
        rstd(*call.operands[3]),
        dSum(call.operands[4]),
        dWeight(call.operands[5]),
        dx(*call.operands[6]),
        offset(call.real(0)) {}
};

struct Linear {
  const Tensor& x;
  const Tensor& w;
  const Tensor* tailX;
  const Tensor* tailW;
  const Tensor* bias;
  const Tensor* residual;
  const Tensor& y;
  float tailScale;
  static constexpr uint32_t optionalOperands = 0x3c;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Linear(const Call& call)
      : x(*call.operands[0]),
        w(*call.operands[1]),
        tailX(call.operands[2]),
        tailW(call.operands[3]),
        bias(call.operands[4]),
        residual(call.operands[5]),
        y(*call.operands[6]),
        tailScale(call.real(0)) {}
};

struct LinearInput {
  const Tensor& dy;
  const Tensor& w;
  const Tensor* tailX;
  const Tensor* tailW;
  const Tensor* add;
  const Tensor& dx;
  float tailScale;
  static constexpr uint32_t optionalOperands = 0x1c;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit LinearInput(const Call& call)
      : dy(*call.operands[0]),
        w(*call.operands[1]),
        tailX(call.operands[2]),
        tailW(call.operands[3]),
        add(call.operands[4]),
        dx(*call.operands[5]),
        tailScale(call.real(0)) {}
};

struct GradWeight {
  const Tensor& dy;
  const Tensor& x;
  const Tensor& dW;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit GradWeight(const Call& call)
      : dy(*call.operands[0]),
        x(*call.operands[1]),
        dW(*call.operands[2]),
        scale(call.real(0)) {}
};

struct Rope {
  const Tensor& x;
  const Tensor& cos;
  const Tensor& sin;
  const Tensor& y;
  int32_t heads;
  int32_t headDim;
  int32_t sign;
  int32_t rotary;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Rope(const Call& call)
      : x(*call.operands[0]),
        cos(*call.operands[1]),
        sin(*call.operands[2]),
        y(*call.operands[3]),
        heads(call.integer(0)),
        headDim(call.integer(1)),
        sign(call.integer(2)),
        rotary(call.integer(3)) {}
};

struct Attention {
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const Tensor& segmentStart;
  const Tensor* sinks;
  const Tensor& o;
  const Tensor& lse;
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  float scale;
  float softcap;
  static constexpr uint32_t optionalOperands = 0x10;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Attention(const Call& call)
      : q(*call.operands[0]),
        k(*call.operands[1]),
        v(*call.operands[2]),
        segmentStart(*call.operands[3]),
        sinks(call.operands[4]),
        o(*call.operands[5]),
        lse(*call.operands[6]),
        heads(call.integer(0)),
        kvHeads(call.integer(1)),
        headDim(call.integer(2)),
        scale(call.real(3)),
        softcap(call.real(4)) {}
};

struct AttentionBackward {
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const Tensor& o;
  const Tensor& lse;
  const Tensor& dO;
  const Tensor& segmentStart;
  const Tensor& dq;
  const Tensor& dk;
  const Tensor& dv;
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  float scale;
  float softcap;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit AttentionBackward(const Call& call)
      : q(*call.operands[0]),
        k(*call.operands[1]),
        v(*call.operands[2]),
        o(*call.operands[3]),
        lse(*call.operands[4]),
        dO(*call.operands[5]),
        segmentStart(*call.operands[6]),
        dq(*call.operands[7]),
        dk(*call.operands[8]),
        dv(*call.operands[9]),
        heads(call.integer(0)),
        kvHeads(call.integer(1)),
        headDim(call.integer(2)),
        scale(call.real(3)),
        softcap(call.real(4)) {}
};

struct Glu {
  const Tensor& gate;
  const Tensor& up;
  const Tensor& y;
  int32_t activation;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Glu(const Call& call)
      : gate(*call.operands[0]),
        up(*call.operands[1]),
        y(*call.operands[2]),
        activation(call.integer(0)) {}
};

struct GluBackward {
  const Tensor& dy;
  const Tensor& gate;
  const Tensor& up;
  const Tensor& dGate;
  const Tensor& dUp;
  int32_t activation;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit GluBackward(const Call& call)
      : dy(*call.operands[0]),
        gate(*call.operands[1]),
        up(*call.operands[2]),
        dGate(*call.operands[3]),
        dUp(*call.operands[4]),
        activation(call.integer(0)) {}
};

struct GatherRows {
  const Tensor& x;
  const Tensor& index;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit GatherRows(const Call& call)
      : x(*call.operands[0]),
        index(*call.operands[1]),
        y(*call.operands[2]) {}
};

struct ScatterRows {
  const Tensor& dy;
  const Tensor& index;
  const Tensor& dx;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ScatterRows(const Call& call)
      : dy(*call.operands[0]),
        index(*call.operands[1]),
        dx(*call.operands[2]) {}
};

struct LinearCrossEntropy {
  const Tensor& h;
  const Tensor& w;
  const Tensor& target;
  const Tensor& lossWeight;
  const Tensor& loss;
  const Tensor* dW;
  const Tensor& nll;
  const Tensor* dh;
  float softcap;
  float smoothing;
  static constexpr uint32_t optionalOperands = 0xa0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit LinearCrossEntropy(const Call& call)
      : h(*call.operands[0]),
        w(*call.operands[1]),
        target(*call.operands[2]),
        lossWeight(*call.operands[3]),
        loss(*call.operands[4]),
        dW(call.operands[5]),
        nll(*call.operands[6]),
        dh(call.operands[7]),
        softcap(call.real(0)),
        smoothing(call.real(1)) {}
};

struct Dropout {
  const Tensor& x;
  const Tensor& rowKey;
  const Tensor& rngKey;
  const Tensor& y;
  float p;
  int32_t tensorId;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Dropout(const Call& call)
      : x(*call.operands[0]),
        rowKey(*call.operands[1]),
        rngKey(*call.operands[2]),
        y(*call.operands[3]),
        p(call.real(0)),
        tensorId(call.integer(1)) {}
};

struct Cast {
  const Tensor& x;
  const Tensor& y;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Cast(const Call& call)
      : x(*call.operands[0]),
        y(*call.operands[1]),
        scale(call.real(0)) {}
};

struct Add {
  const Tensor& a;
  const Tensor& b;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Add(const Call& call)
      : a(*call.operands[0]),
        b(*call.operands[1]),
        y(*call.operands[2]) {}
};

struct Fill {
  const Tensor& y;
  float value;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Fill(const Call& call)
      : y(*call.operands[0]),
        value(call.real(0)) {}
};

struct SumSquares {
  const Tensor& x;
  const Tensor& total;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit SumSquares(const Call& call)
      : x(*call.operands[0]),
        total(*call.operands[1]) {}
};

struct Clip {
  const Tensor& total;
  const Tensor& norm;
  const Tensor& factor;
  float maxNorm;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Clip(const Call& call)
      : total(*call.operands[0]),
        norm(*call.operands[1]),
        factor(*call.operands[2]),
        maxNorm(call.real(0)) {}
};

struct Adamw {
  const Tensor& grad;
  const Tensor& factor;
  const Tensor& hyper;
  const Tensor& theta;
  const Tensor& m;
  const Tensor& v;
  float oneMinusBeta1;
  float beta2;
  float oneMinusBeta2;
  float eps;
  float weightDecay;
  float learningRateScale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Adamw(const Call& call)
      : grad(*call.operands[0]),
        factor(*call.operands[1]),
        hyper(*call.operands[2]),
        theta(*call.operands[3]),
        m(*call.operands[4]),
        v(*call.operands[5]),
        oneMinusBeta1(call.real(0)),
        beta2(call.real(1)),
        oneMinusBeta2(call.real(2)),
        eps(call.real(3)),
        weightDecay(call.real(4)),
        learningRateScale(call.real(5)) {}
};

struct CacheAppend {
  const Tensor& k;
  const Tensor& v;
  const Tensor& slot;
  const Tensor& position;
  const Tensor& cacheK;
  const Tensor& cacheV;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit CacheAppend(const Call& call)
      : k(*call.operands[0]),
        v(*call.operands[1]),
        slot(*call.operands[2]),
        position(*call.operands[3]),
        cacheK(*call.operands[4]),
        cacheV(*call.operands[5]) {}
};

struct AttentionCached {
  const Tensor& q;
  const Tensor& cacheK;
  const Tensor& cacheV;
  const Tensor& slot;
  const Tensor& position;
  const Tensor* sinks;
  const Tensor& o;
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  float scale;
  float softcap;
  int32_t window;
  static constexpr uint32_t optionalOperands = 0x20;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit AttentionCached(const Call& call)
      : q(*call.operands[0]),
        cacheK(*call.operands[1]),
        cacheV(*call.operands[2]),
        slot(*call.operands[3]),
        position(*call.operands[4]),
        sinks(call.operands[5]),
        o(*call.operands[6]),
        heads(call.integer(0)),
        kvHeads(call.integer(1)),
        headDim(call.integer(2)),
        scale(call.real(3)),
        softcap(call.real(4)),
        window(call.integer(5)) {}
};

struct Argmax {
  const Tensor& x;
  const Tensor& index;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Argmax(const Call& call)
      : x(*call.operands[0]),
        index(*call.operands[1]) {}
};

struct Multiply {
  const Tensor& a;
  const Tensor& b;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Multiply(const Call& call)
      : a(*call.operands[0]),
        b(*call.operands[1]),
        y(*call.operands[2]) {}
};

struct ScaleColumns {
  const Tensor& x;
  const Tensor& scale;
  const Tensor* bias;
  const Tensor* residual;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0xc;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ScaleColumns(const Call& call)
      : x(*call.operands[0]),
        scale(*call.operands[1]),
        bias(call.operands[2]),
        residual(call.operands[3]),
        y(*call.operands[4]) {}
};

struct ScaleColumnsBackward {
  const Tensor& dy;
  const Tensor& x;
  const Tensor& scale;
  const Tensor* dScale;
  const Tensor& dx;
  static constexpr uint32_t optionalOperands = 0x8;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ScaleColumnsBackward(const Call& call)
      : dy(*call.operands[0]),
        x(*call.operands[1]),
        scale(*call.operands[2]),
        dScale(call.operands[3]),
        dx(*call.operands[4]) {}
};

struct InverseRowNorm {
  const Tensor& w;
  const Tensor& a;
  const Tensor& b;
  const Tensor& inverse;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit InverseRowNorm(const Call& call)
      : w(*call.operands[0]),
        a(*call.operands[1]),
        b(*call.operands[2]),
        inverse(*call.operands[3]),
        scale(call.real(0)) {}
};

struct PrefixAttention {
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const Tensor& segmentStart;
  const Tensor& prefixK;
  const Tensor& prefixV;
  const Tensor* sinks;
  const Tensor& o;
  const Tensor& lse;
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  float scale;
  float softcap;
  static constexpr uint32_t optionalOperands = 0x40;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit PrefixAttention(const Call& call)
      : q(*call.operands[0]),
        k(*call.operands[1]),
        v(*call.operands[2]),
        segmentStart(*call.operands[3]),
        prefixK(*call.operands[4]),
        prefixV(*call.operands[5]),
        sinks(call.operands[6]),
        o(*call.operands[7]),
        lse(*call.operands[8]),
        heads(call.integer(0)),
        kvHeads(call.integer(1)),
        headDim(call.integer(2)),
        scale(call.real(3)),
        softcap(call.real(4)) {}
};

struct PrefixAttentionBackward {
  const Tensor& q;
  const Tensor& k;
  const Tensor& v;
  const Tensor& o;
  const Tensor& lse;
  const Tensor& dO;
  const Tensor& segmentStart;
  const Tensor& prefixK;
  const Tensor& prefixV;
  const Tensor* dPrefixK;
  const Tensor* dPrefixV;
  const Tensor& dq;
  const Tensor& dk;
  const Tensor& dv;
  int32_t heads;
  int32_t kvHeads;
  int32_t headDim;
  float scale;
  float softcap;
  static constexpr uint32_t optionalOperands = 0x600;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit PrefixAttentionBackward(const Call& call)
      : q(*call.operands[0]),
        k(*call.operands[1]),
        v(*call.operands[2]),
        o(*call.operands[3]),
        lse(*call.operands[4]),
        dO(*call.operands[5]),
        segmentStart(*call.operands[6]),
        prefixK(*call.operands[7]),
        prefixV(*call.operands[8]),
        dPrefixK(call.operands[9]),
        dPrefixV(call.operands[10]),
        dq(*call.operands[11]),
        dk(*call.operands[12]),
        dv(*call.operands[13]),
        heads(call.integer(0)),
        kvHeads(call.integer(1)),
        headDim(call.integer(2)),
        scale(call.real(3)),
        softcap(call.real(4)) {}
};

struct CachePrefix {
  const Tensor& prefixK;
  const Tensor& prefixV;
  const Tensor& cacheK;
  const Tensor& cacheV;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit CachePrefix(const Call& call)
      : prefixK(*call.operands[0]),
        prefixV(*call.operands[1]),
        cacheK(*call.operands[2]),
        cacheV(*call.operands[3]) {}
};

struct Orthogonality {
  const Tensor& x;
  const Tensor& loss;
  int32_t columns;
  float weight;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Orthogonality(const Call& call)
      : x(*call.operands[0]),
        loss(*call.operands[1]),
        columns(call.integer(0)),
        weight(call.real(1)) {}
};

struct OrthogonalityBackward {
  const Tensor& x;
  const Tensor& dX;
  int32_t columns;
  float weight;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit OrthogonalityBackward(const Call& call)
      : x(*call.operands[0]),
        dX(*call.operands[1]),
        columns(call.integer(0)),
        weight(call.real(1)) {}
};

struct Importance {
  const Tensor& theta;
  const Tensor& grad;
  const Tensor& factor;
  const Tensor& sensitivity;
  const Tensor& uncertainty;
  float beta1;
  float oneMinusBeta1;
  float beta2;
  float oneMinusBeta2;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Importance(const Call& call)
      : theta(*call.operands[0]),
        grad(*call.operands[1]),
        factor(*call.operands[2]),
        sensitivity(*call.operands[3]),
        uncertainty(*call.operands[4]),
        beta1(call.real(0)),
        oneMinusBeta1(call.real(1)),
        beta2(call.real(2)),
        oneMinusBeta2(call.real(3)) {}
};

struct GradBias {
  const Tensor& dy;
  const Tensor& dBias;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit GradBias(const Call& call)
      : dy(*call.operands[0]),
        dBias(*call.operands[1]),
        scale(call.real(0)) {}
};

struct ColumnProducts {
  const Tensor& a;
  const Tensor& b;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ColumnProducts(const Call& call)
      : a(*call.operands[0]),
        b(*call.operands[1]),
        y(*call.operands[2]) {}
};

struct ColumnProductsBackward {
  const Tensor& a;
  const Tensor& b;
  const Tensor& dy;
  const Tensor& da;
  const Tensor& db;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ColumnProductsBackward(const Call& call)
      : a(*call.operands[0]),
        b(*call.operands[1]),
        dy(*call.operands[2]),
        da(*call.operands[3]),
        db(*call.operands[4]) {}
};

struct Kronecker {
  const Tensor& a;
  const Tensor& b;
  const Tensor& x;
  const Tensor* residual;
  const Tensor& y;
  float scale;
  static constexpr uint32_t optionalOperands = 0x8;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Kronecker(const Call& call)
      : a(*call.operands[0]),
        b(*call.operands[1]),
        x(*call.operands[2]),
        residual(call.operands[3]),
        y(*call.operands[4]),
        scale(call.real(0)) {}
};

struct KroneckerBackward {
  const Tensor& a;
  const Tensor& b;
  const Tensor& x;
  const Tensor& dy;
  const Tensor* dA;
  const Tensor* dB;
  const Tensor& dx;
  float scale;
  static constexpr uint32_t optionalOperands = 0x30;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit KroneckerBackward(const Call& call)
      : a(*call.operands[0]),
        b(*call.operands[1]),
        x(*call.operands[2]),
        dy(*call.operands[3]),
        dA(call.operands[4]),
        dB(call.operands[5]),
        dx(*call.operands[6]),
        scale(call.real(0)) {}
};

struct Relu {
  const Tensor& x;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Relu(const Call& call)
      : x(*call.operands[0]),
        y(*call.operands[1]) {}
};

struct ReluBackward {
  const Tensor& dy;
  const Tensor& y;
  const Tensor& dx;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ReluBackward(const Call& call)
      : dy(*call.operands[0]),
        y(*call.operands[1]),
        dx(*call.operands[2]) {}
};

struct Softcap {
  const Tensor& x;
  const Tensor& y;
  float cap;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Softcap(const Call& call)
      : x(*call.operands[0]),
        y(*call.operands[1]),
        cap(call.real(0)) {}
};

struct SliceColumns {
  const Tensor& x;
  const Tensor& y;
  int32_t before;
  int32_t width;
  int32_t after;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit SliceColumns(const Call& call)
      : x(*call.operands[0]),
        y(*call.operands[1]),
        before(call.integer(0)),
        width(call.integer(1)),
        after(call.integer(2)) {}
};

struct SliceColumnsBackward {
  const Tensor& dy;
  const Tensor* sum;
  const Tensor& dx;
  int32_t before;
  int32_t width;
  int32_t after;
  static constexpr uint32_t optionalOperands = 0x2;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit SliceColumnsBackward(const Call& call)
      : dy(*call.operands[0]),
        sum(call.operands[1]),
        dx(*call.operands[2]),
        before(call.integer(0)),
        width(call.integer(1)),
        after(call.integer(2)) {}
};

struct Adamw8 {
  const Tensor& grad;
  const Tensor& factor;
  const Tensor& hyper;
  const Tensor& theta;
  const Tensor& m;
  const Tensor& mScale;
  const Tensor& v;
  const Tensor& vScale;
  float beta1;
  float oneMinusBeta1;
  float beta2;
  float oneMinusBeta2;
  float eps;
  float weightDecay;
  float learningRateScale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Adamw8(const Call& call)
      : grad(*call.operands[0]),
        factor(*call.operands[1]),
        hyper(*call.operands[2]),
        theta(*call.operands[3]),
        m(*call.operands[4]),
        mScale(*call.operands[5]),
        v(*call.operands[6]),
        vScale(*call.operands[7]),
        beta1(call.real(0)),
        oneMinusBeta1(call.real(1)),
        beta2(call.real(2)),
        oneMinusBeta2(call.real(3)),
        eps(call.real(4)),
        weightDecay(call.real(5)),
        learningRateScale(call.real(6)) {}
};

struct Noise {
  const Tensor& x;
  const Tensor& length;
  const Tensor& rowKey;
  const Tensor& rngKey;
  const Tensor& y;
  float alpha;
  int32_t tensorId;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Noise(const Call& call)
      : x(*call.operands[0]),
        length(*call.operands[1]),
        rowKey(*call.operands[2]),
        rngKey(*call.operands[3]),
        y(*call.operands[4]),
        alpha(call.real(0)),
        tensorId(call.integer(1)) {}
};

struct Lstm {
  const Tensor& x;
  const Tensor& w;
  const Tensor& y;
  const Tensor& gates;
  const Tensor& cell;
  const Tensor& before;
  int32_t width;
  int32_t reverse;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Lstm(const Call& call)
      : x(*call.operands[0]),
        w(*call.operands[1]),
        y(*call.operands[2]),
        gates(*call.operands[3]),
        cell(*call.operands[4]),
        before(*call.operands[5]),
        width(call.integer(0)),
        reverse(call.integer(1)) {}
};

struct LstmBackward {
  const Tensor& dy;
  const Tensor& gates;
  const Tensor& cell;
  const Tensor& w;
  const Tensor& dx;
  int32_t width;
  int32_t reverse;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit LstmBackward(const Call& call)
      : dy(*call.operands[0]),
        gates(*call.operands[1]),
        cell(*call.operands[2]),
        w(*call.operands[3]),
        dx(*call.operands[4]),
        width(call.integer(0)),
        reverse(call.integer(1)) {}
};

struct ReplaceRows {
  const Tensor& x;
  const Tensor& rows;
  const Tensor& index;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ReplaceRows(const Call& call)
      : x(*call.operands[0]),
        rows(*call.operands[1]),
        index(*call.operands[2]),
        y(*call.operands[3]) {}
};

struct SegmentSum {
  const Tensor& x;
  const Tensor* minus;
  const Tensor& segment;
  const Tensor& scale;
  const Tensor& y;
  static constexpr uint32_t optionalOperands = 0x2;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit SegmentSum(const Call& call)
      : x(*call.operands[0]),
        minus(call.operands[1]),
        segment(*call.operands[2]),
        scale(*call.operands[3]),
        y(*call.operands[4]) {}
};

struct SegmentSumBackward {
  const Tensor& dy;
  const Tensor& segment;
  const Tensor& scale;
  const Tensor& dx;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit SegmentSumBackward(const Call& call)
      : dy(*call.operands[0]),
        segment(*call.operands[1]),
        scale(*call.operands[2]),
        dx(*call.operands[3]) {}
};

struct WeightedSum {
  const Tensor& x;
  const Tensor& weight;
  const Tensor& loss;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit WeightedSum(const Call& call)
      : x(*call.operands[0]),
        weight(*call.operands[1]),
        loss(*call.operands[2]) {}
};

struct PairLoss {
  const Tensor& weight;
  const Tensor& z;
  const Tensor& loss;
  const Tensor& dz;
  float beta;
  int32_t odds;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit PairLoss(const Call& call)
      : weight(*call.operands[0]),
        z(*call.operands[1]),
        loss(*call.operands[2]),
        dz(*call.operands[3]),
        beta(call.real(0)),
        odds(call.integer(1)) {}
};

struct KtoLoss {
  const Tensor& weight;
  const Tensor& z;
  const Tensor& divergence;
  const Tensor& loss;
  const Tensor& dz;
  float beta;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit KtoLoss(const Call& call)
      : weight(*call.operands[0]),
        z(*call.operands[1]),
        divergence(*call.operands[2]),
        loss(*call.operands[3]),
        dz(*call.operands[4]),
        beta(call.real(0)) {}
};

struct Route {
  const Tensor& logits;
  const Tensor& weights;
  const Tensor& expert;
  const Tensor& order;
  const Tensor& place;
  const Tensor& starts;
  int32_t topK;
  int32_t normalized;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Route(const Call& call)
      : logits(*call.operands[0]),
        weights(*call.operands[1]),
        expert(*call.operands[2]),
        order(*call.operands[3]),
        place(*call.operands[4]),
        starts(*call.operands[5]),
        topK(call.integer(0)),
        normalized(call.integer(1)) {}
};

struct RouteBackward {
  const Tensor& logits;
  const Tensor& weights;
  const Tensor& expert;
  const Tensor& dWeights;
  const Tensor& dLogits;
  int32_t topK;
  int32_t normalized;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit RouteBackward(const Call& call)
      : logits(*call.operands[0]),
        weights(*call.operands[1]),
        expert(*call.operands[2]),
        dWeights(*call.operands[3]),
        dLogits(*call.operands[4]),
        topK(call.integer(0)),
        normalized(call.integer(1)) {}
};

struct GatherExperts {
  const Tensor& x;
  const Tensor& order;
  const Tensor& place;
  const Tensor& y;
  int32_t topK;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit GatherExperts(const Call& call)
      : x(*call.operands[0]),
        order(*call.operands[1]),
        place(*call.operands[2]),
        y(*call.operands[3]),
        topK(call.integer(0)) {}
};

struct MixExperts {
  const Tensor& y;
  const Tensor& order;
  const Tensor& place;
  const Tensor* weights;
  const Tensor* residual;
  const Tensor& z;
  int32_t topK;
  static constexpr uint32_t optionalOperands = 0x18;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit MixExperts(const Call& call)
      : y(*call.operands[0]),
        order(*call.operands[1]),
        place(*call.operands[2]),
        weights(call.operands[3]),
        residual(call.operands[4]),
        z(*call.operands[5]),
        topK(call.integer(0)) {}
};

struct MixExpertsBackward {
  const Tensor& y;
  const Tensor& dz;
  const Tensor& order;
  const Tensor& weights;
  const Tensor& dy;
  const Tensor& dWeights;
  int32_t topK;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit MixExpertsBackward(const Call& call)
      : y(*call.operands[0]),
        dz(*call.operands[1]),
        order(*call.operands[2]),
        weights(*call.operands[3]),
        dy(*call.operands[4]),
        dWeights(*call.operands[5]),
        topK(call.integer(0)) {}
};

struct ExpertLinear {
  const Tensor& x;
  const Tensor* w;
  const Tensor& starts;
  const Tensor* tailX;
  const Tensor* tailW;
  const Tensor* bias;
  const Tensor& y;
  int32_t experts;
  static constexpr uint32_t optionalOperands = 0x38;  // by bit
  static constexpr uint32_t groupedOperands = 0x12;  // by bit

  LUTHIER_EVERYWHERE explicit ExpertLinear(const Call& call)
      : x(*call.operands[0]),
        w(call.operands[1]),
        starts(*call.operands[2]),
        tailX(call.operands[3]),
        tailW(call.operands[4]),
        bias(call.operands[5]),
        y(*call.operands[6]),
        experts(call.integer(0)) {}
};

struct ExpertInput {
  const Tensor& dy;
  const Tensor* w;
  const Tensor& starts;
  const Tensor* add;
  const Tensor& dx;
  int32_t experts;
  static constexpr uint32_t optionalOperands = 0x8;  // by bit
  static constexpr uint32_t groupedOperands = 0x2;  // by bit

  LUTHIER_EVERYWHERE explicit ExpertInput(const Call& call)
      : dy(*call.operands[0]),
        w(call.operands[1]),
        starts(*call.operands[2]),
        add(call.operands[3]),
        dx(*call.operands[4]),
        experts(call.integer(0)) {}
};

struct ExpertGradWeight {
  const Tensor& dy;
  const Tensor& x;
  const Tensor& starts;
  const Tensor* dW;
  int32_t experts;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x8;  // by bit

  LUTHIER_EVERYWHERE explicit ExpertGradWeight(const Call& call)
      : dy(*call.operands[0]),
        x(*call.operands[1]),
        starts(*call.operands[2]),
        dW(call.operands[3]),
        experts(call.integer(0)),
        scale(call.real(1)) {}
};

struct SinkGradient {
  const Tensor& o;
  const Tensor& lse;
  const Tensor& dO;
  const Tensor& sinks;
  const Tensor& dSinks;
  int32_t heads;
  int32_t headDim;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit SinkGradient(const Call& call)
      : o(*call.operands[0]),
        lse(*call.operands[1]),
        dO(*call.operands[2]),
        sinks(*call.operands[3]),
        dSinks(*call.operands[4]),
        heads(call.integer(0)),
        headDim(call.integer(1)),
        scale(call.real(2)) {}
};

struct ExpertGradBias {
  const Tensor& dy;
  const Tensor& starts;
  const Tensor& dBias;
  int32_t experts;
  float scale;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ExpertGradBias(const Call& call)
      : dy(*call.operands[0]),
        starts(*call.operands[1]),
        dBias(*call.operands[2]),
        experts(call.integer(0)),
        scale(call.real(1)) {}
};

struct ClampedGlu {
  const Tensor& x;
  const Tensor& y;
  float alpha;
  float limit;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ClampedGlu(const Call& call)
      : x(*call.operands[0]),
        y(*call.operands[1]),
        alpha(call.real(0)),
        limit(call.real(1)) {}
};

struct ClampedGluBackward {
  const Tensor& x;
  const Tensor& dy;
  const Tensor& dx;
  float alpha;
  float limit;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit ClampedGluBackward(const Call& call)
      : x(*call.operands[0]),
        dy(*call.operands[1]),
        dx(*call.operands[2]),
        alpha(call.real(0)),
        limit(call.real(1)) {}
};

struct RouterLoad {
  const Tensor& logits;
  const Tensor& expert;
  const Tensor& segmentStart;
  const Tensor* before;
  const Tensor& load;
  int32_t topK;
  static constexpr uint32_t optionalOperands = 0x8;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit RouterLoad(const Call& call)
      : logits(*call.operands[0]),
        expert(*call.operands[1]),
        segmentStart(*call.operands[2]),
        before(call.operands[3]),
        load(*call.operands[4]),
        topK(call.integer(0)) {}
};

struct RouterLoadBackward {
  const Tensor& logits;
  const Tensor& segmentStart;
  const Tensor& dLoad;
  const Tensor& dLogits;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit RouterLoadBackward(const Call& call)
      : logits(*call.operands[0]),
        segmentStart(*call.operands[1]),
        dLoad(*call.operands[2]),
        dLogits(*call.operands[3]) {}
};

struct BalanceLoss {
  const Tensor& load;
  const Tensor& weight;
  const Tensor& loss;
  const Tensor& dLoad;
  int32_t topK;
  float coefficient;
  static constexpr uint32_t optionalOperands = 0x0;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit BalanceLoss(const Call& call)
      : load(*call.operands[0]),
        weight(*call.operands[1]),
        loss(*call.operands[2]),
        dLoad(*call.operands[3]),
        topK(call.integer(0)),
        coefficient(call.real(1)) {}
};

struct HardConcrete {
  const Tensor& w;
  const Tensor& alpha;
  const Tensor* group;
  const Tensor* rngKey;
  const Tensor& y;
  float low;
  float high;
  int32_t site;
  static constexpr uint32_t optionalOperands = 0xc;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit HardConcrete(const Call& call)
      : w(*call.operands[0]),
        alpha(*call.operands[1]),
        group(call.operands[2]),
        rngKey(call.operands[3]),
        y(*call.operands[4]),
        low(call.real(0)),
        high(call.real(1)),
        site(call.integer(2)) {}
};

struct HardConcreteBackward {
  const Tensor& w;
  const Tensor& alpha;
  const Tensor* group;
  const Tensor* rngKey;
  const Tensor& dY;
  const Tensor& dW;
  const Tensor& dAlpha;
  const Tensor* dGroup;
  float low;
  float high;
  int32_t site;
  static constexpr uint32_t optionalOperands = 0x8c;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit HardConcreteBackward(const Call& call)
      : w(*call.operands[0]),
        alpha(*call.operands[1]),
        group(call.operands[2]),
        rngKey(call.operands[3]),
        dY(*call.operands[4]),
        dW(*call.operands[5]),
        dAlpha(*call.operands[6]),
        dGroup(call.operands[7]),
        low(call.real(0)),
        high(call.real(1)),
        site(call.integer(2)) {}
};

struct OpenGates {
  const Tensor& alpha;
  const Tensor* group;
  const Tensor& loss;
  float shift;
  float weight;
  static constexpr uint32_t optionalOperands = 0x2;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit OpenGates(const Call& call)
      : alpha(*call.operands[0]),
        group(call.operands[1]),
        loss(*call.operands[2]),
        shift(call.real(0)),
        weight(call.real(1)) {}
};

struct OpenGatesBackward {
  const Tensor& alpha;
  const Tensor* group;
  const Tensor& dAlpha;
  const Tensor* dGroup;
  float shift;
  float weight;
  static constexpr uint32_t optionalOperands = 0xa;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit OpenGatesBackward(const Call& call)
      : alpha(*call.operands[0]),
        group(call.operands[1]),
        dAlpha(*call.operands[2]),
        dGroup(call.operands[3]),
        shift(call.real(0)),
        weight(call.real(1)) {}
};

struct Fastfood {
  const Tensor& x;
  const Tensor* scale;
  const Tensor& y;
  int32_t out;
  int32_t in;
  int32_t seed;
  int32_t layer;
  static constexpr uint32_t optionalOperands = 0x2;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit Fastfood(const Call& call)
      : x(*call.operands[0]),
        scale(call.operands[1]),
        y(*call.operands[2]),
        out(call.integer(0)),
        in(call.integer(1)),
        seed(call.integer(2)),
        layer(call.integer(3)) {}
};

struct FastfoodBackward {
  const Tensor& x;
  const Tensor* scale;
  const Tensor& dY;
  const Tensor& dX;
  const Tensor* dScale;
  int32_t out;
  int32_t in;
  int32_t seed;
  int32_t layer;
  static constexpr uint32_t optionalOperands = 0x12;  // by bit
  static constexpr uint32_t groupedOperands = 0x0;  // by bit

  LUTHIER_EVERYWHERE explicit FastfoodBackward(const Call& call)
      : x(*call.operands[0]),
        scale(call.operands[1]),
        dY(*call.operands[2]),
        dX(*call.operands[3]),
        dScale(call.operands[4]),
        out(call.integer(0)),
        in(call.integer(1)),
        seed(call.integer(2)),
        layer(call.integer(3)) {}
};

// X(name, Struct) for every op that computes something.
#define LUTHIER_OPS(X) \
  X(embed, Embed) \
  X(embedBackward, EmbedBackward) \
  X(rmsNorm, RmsNorm) \
  X(rmsNormBackward, RmsNormBackward) \
  X(linear, Linear) \
  X(linearInput, LinearInput) \
  X(gradWeight, GradWeight) \
  X(rope, Rope) \
  X(attention, Attention) \
  X(attentionBackward, AttentionBackward) \
  X(glu, Glu) \
  X(gluBackward, GluBackward) \
  X(gatherRows, GatherRows) \
  X(scatterRows, ScatterRows) \
  X(linearCrossEntropy, LinearCrossEntropy) \
  X(dropout, Dropout) \
  X(cast, Cast) \
  X(add, Add) \
  X(fill, Fill) \
  X(sumSquares, SumSquares) \
  X(clip, Clip) \
  X(adamw, Adamw) \
  X(cacheAppend, CacheAppend) \
  X(attentionCached, AttentionCached) \
  X(argmax, Argmax) \
  X(multiply, Multiply) \
  X(scaleColumns, ScaleColumns) \
  X(scaleColumnsBackward, ScaleColumnsBackward) \
  X(inverseRowNorm, InverseRowNorm) \
  X(prefixAttention, PrefixAttention) \
  X(prefixAttentionBackward, PrefixAttentionBackward) \
  X(cachePrefix, CachePrefix) \
  X(orthogonality, Orthogonality) \
  X(orthogonalityBackward, OrthogonalityBackward) \
  X(importance, Importance) \
  X(gradBias, GradBias) \
  X(columnProducts, ColumnProducts) \
  X(columnProductsBackward, ColumnProductsBackward) \
  X(kronecker, Kronecker) \
  X(kroneckerBackward, KroneckerBackward) \
  X(relu, Relu) \
  X(reluBackward, ReluBackward) \
  X(softcap, Softcap) \
  X(sliceColumns, SliceColumns) \
  X(sliceColumnsBackward, SliceColumnsBackward) \
  X(adamw8, Adamw8) \
  X(noise, Noise) \
  X(lstm, Lstm) \
  X(lstmBackward, LstmBackward) \
  X(replaceRows, ReplaceRows) \
  X(segmentSum, SegmentSum) \
  X(segmentSumBackward, SegmentSumBackward) \
  X(weightedSum, WeightedSum) \
  X(pairLoss, PairLoss) \
  X(ktoLoss, KtoLoss) \
  X(route, Route) \
  X(routeBackward, RouteBackward) \
  X(gatherExperts, GatherExperts) \
  X(mixExperts, MixExperts) \
  X(mixExpertsBackward, MixExpertsBackward) \
  X(expertLinear, ExpertLinear) \
  X(expertInput, ExpertInput) \
  X(expertGradWeight, ExpertGradWeight) \
  X(sinkGradient, SinkGradient) \
  X(expertGradBias, ExpertGradBias) \
  X(clampedGlu, ClampedGlu) \
  X(clampedGluBackward, ClampedGluBackward) \
  X(routerLoad, RouterLoad) \
  X(routerLoadBackward, RouterLoadBackward) \
  X(balanceLoss, BalanceLoss) \
  X(hardConcrete, HardConcrete) \
  X(hardConcreteBackward, HardConcreteBackward) \
  X(openGates, OpenGates) \
  X(openGatesBackward, OpenGatesBackward) \
  X(fastfood, Fastfood) \
  X(fastfoodBackward, FastfoodBackward)

}  // namespace luthier
