#include "decompose.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lanesOf8.h"
#include "philox.h"

namespace luthier {
namespace {

using Vector = std::vector<double>;
using Vectors = std::vector<Vector>;

// A share of the largest singular value: residuals below it are far below the rounding of F32.
constexpr double tolerance = 1e-10;
constexpr int mostRestarts = 100;

// Calls body(task) for 0..count-1 on all threads.
template <class Body>
void forEach(Workers& workers, int64_t count, Body body) {
  workers.run(count, [](void* argument, int64_t task, int32_t) { (*static_cast<Body*>(argument))(task); }, &body);
}

constexpr int64_t rowsPerTask = 32, columnsPerTask = 256;

int64_t tasksOf(int64_t count, int64_t perTask) { return (count + perTask - 1) / perTask; }

// W·v
Vector rowsTimes(MatrixView w, const Vector& v, Workers& workers) {
  Vector y(w.rows);
  forEach(workers, tasksOf(w.rows, rowsPerTask), [&](int64_t task) {
    for (int64_t row = task * rowsPerTask; row < std::min(w.rows, (task + 1) * rowsPerTask); ++row) {
      y[row] = dotOfFloats(w.values + row * w.columns, v.data(), w.columns);
    }
  });
  return y;
}

// Wᵀ·u
Vector columnsTimes(MatrixView w, const Vector& u, Workers& workers) {
  Vector y(w.columns);
  forEach(workers, tasksOf(w.columns, columnsPerTask), [&](int64_t task) {
    const int64_t first = task * columnsPerTask, count = std::min(columnsPerTask, w.columns - first);
    for (int64_t row = 0; row < w.rows; ++row) addScaledFloats(y.data() + first, u[row], w.values + row * w.columns + first, count);
  });
  return y;
}

double dot(const Vector& a, const Vector& b) { return dotOf(a.data(), b.data(), static_cast<int64_t>(a.size())); }

void addScaled(Vector& y, double factor, const Vector& x) { addScaledTo(y.data(), factor, x.data(), static_cast<int64_t>(y.size())); }

double lengthOf(const Vector& v) { return std::sqrt(dot(v, v)); }

Vector scaled(Vector v, double factor) {
  for (double& value : v) value *= factor;
  return v;
}

// Numbers from −1 to 1 by index, the same for every matrix: beyond rounding no result depends on them.
double numberAt(uint64_t index) {
  const PhiloxBlock block = philox({{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0}}, 0, 0);
  return static_cast<double>(block.words[0]) / 2147483648.0 - 1;
}

// The part of a vector that is orthogonal to others: its direction, its length, and the vector's components along them.
struct Rest {
  Vector unit;
  double length;
  Vector along;
};

// Gram–Schmidt, twice.
Vector orthogonal(Vector v, const Vectors& others, Vector& along) {
  along.assign(others.size(), 0);
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t k = 0; k < others.size(); ++k) {
      const double part = dot(v, others[k]);
      along[k] += part;
      addScaled(v, -part, others[k]);
    }
  }
  return v;
}

// Where only rounding errors are left, the length is 0 and the unit is any vector that is orthogonal to the others.
Rest unitBeside(const Vector& v, const Vectors& others) {
  Vector along;
  Vector rest = orthogonal(v, others, along);
  const double length = lengthOf(rest);
  if (length > 1e-14 * lengthOf(v)) return {scaled(std::move(rest), 1 / length), length, std::move(along)};
  for (uint64_t attempt = 0;; ++attempt) {
    Vector start(v.size()), ignored;
    for (size_t i = 0; i < start.size(); ++i) start[i] = numberAt(attempt * start.size() + i);
    Vector other = orthogonal(start, others, ignored);
    const double size = lengthOf(other);
    if (size > 1e-6 * lengthOf(start)) return {scaled(std::move(other), 1 / size), 0, std::move(along)};
  }
}

// Σ weights[k]·vectors[k]
Vector combined(const Vectors& vectors, const Vector& weights) {
  Vector sum(vectors[0].size());
  for (size_t k = 0; k < vectors.size(); ++k) addScaled(sum, weights[k], vectors[k]);
  return sum;
}

struct Parts {
  Vector values;
  Vectors left, right;
};

// Rotates two columns so that they are orthogonal; false if they are.
bool orthogonalise(Vectors& columns, Vectors& right, size_t i, size_t j) {
  Vector &p = columns[i], &q = columns[j];
  const double pp = dot(p, p), qq = dot(q, q), pq = dot(p, q);
  if (std::fabs(pq) <= 1e-15 * std::sqrt(pp * qq) || pq == 0) return false;
  const double zeta = (qq - pp) / (2 * pq);
  const double t = (zeta < 0 ? -1 : 1) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
  const double c = 1 / std::sqrt(1 + t * t);
  rotateBoth(p.data(), q.data(), c, c * t, static_cast<int64_t>(p.size()));
  rotateBoth(right[i].data(), right[j].data(), c, c * t, static_cast<int64_t>(right[i].size()));
  return true;
}

// Singular values and vectors of a small square matrix, given by its columns: rotations of its columns until they are
// orthogonal (one-sided Jacobi).
Parts smallParts(Vectors columns) {
  const size_t size = columns.size();
  Vectors right(size, Vector(size));
  for (size_t j = 0; j < size; ++j) right[j][j] = 1;
  bool rotated = true;
  for (int sweep = 0; rotated && sweep < 60; ++sweep) {
    rotated = false;
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = i + 1; j < size; ++j) rotated = orthogonalise(columns, right, i, j) || rotated;
    }
  }
  Vector lengths(size);
  for (size_t j = 0; j < size; ++j) lengths[j] = lengthOf(columns[j]);
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return lengths[i] > lengths[j]; });
  Parts parts;
  for (const size_t j : order) {
    parts.values.push_back(lengths[j]);
    parts.right.push_back(right[j]);
    parts.left.push_back(lengths[j] > 0 ? scaled(columns[j], 1 / lengths[j]) : unitBeside(Vector(size), parts.left).unit);
  }
  return parts;
}

// W·V = U·B with B upper triangular; V and U are orthonormal.
struct Basis {
  Vectors left, right, columns;
};

Parts partsOf(const Basis& basis, const Parts& small, size_t count) {
  Parts parts;
  for (size_t k = 0; k < count; ++k) {
    parts.values.push_back(small.values[k]);
    parts.left.push_back(combined(basis.left, small.left[k]));
    parts.right.push_back(combined(basis.right, small.right[k]));
  }
  return parts;
}

// Bidiagonalisation from a vector (Golub & Kahan 1965) with full orthogonalisation, restarted from the best vectors (Baglama
// & Reichel 2005) until these have converged; a small matrix is decomposed whole. `most`: the matrix's columns, of which it
// has no more than rows.
template <class Times, class Back>
Parts largestParts(Times times, Back back, size_t most, size_t rank) {
  const size_t limit = std::min(most, 3 * rank + 32);
  Basis basis;
  Rest next = unitBeside(Vector(most), basis.right);
  for (int restart = 0;; ++restart) {
    while (basis.columns.size() < limit) {
      basis.right.push_back(next.unit);
      Rest u = unitBeside(times(next.unit), basis.left);
      Vector column(limit);
      std::copy(u.along.begin(), u.along.end(), column.begin());
      column[u.along.size()] = u.length;
      basis.columns.push_back(std::move(column));
      basis.left.push_back(u.unit);
      if (basis.right.size() == most) next.length = 0;
      else next = unitBeside(back(u.unit), basis.right);
    }
    const Parts small = smallParts(basis.columns);
    const double bound = tolerance * small.values[0];
    bool done = true;
    for (size_t k = 0; k < rank; ++k) done = done && next.length * std::fabs(small.left[k][limit - 1]) <= bound;
    if (done || restart == mostRestarts) return partsOf(basis, small, rank);
    const size_t kept = rank + (limit - rank) / 2;
    Parts best = partsOf(basis, small, kept);
    basis = {std::move(best.left), std::move(best.right), Vectors(kept, Vector(limit))};
    for (size_t k = 0; k < kept; ++k) basis.columns[k][k] = best.values[k];
  }
}

Vector flat(const Vectors& vectors) {
  Vector all;
  for (const Vector& one : vectors) all.insert(all.end(), one.begin(), one.end());
  return all;
}

// v of H = I − v·vᵀ (‖v‖² = 2, or v = 0) that makes a column zero below `first`.
Vector reflectorOf(Vector v, int64_t first) {
  std::fill(v.begin(), v.begin() + first, 0);
  const bool isZeroBelow = std::all_of(v.begin() + first + 1, v.end(), [](double value) { return value == 0; });
  if (isZeroBelow) return Vector(v.size());
  v[first] += v[first] < 0 ? -lengthOf(v) : lengthOf(v);
  return scaled(v, std::sqrt(2 / dot(v, v)));
}

void reflect(const Vector& v, Vector& column) { addScaled(column, -dot(v, column), v); }

Vector columnAt(MatrixView w, int64_t column) {
  Vector values(w.rows);
  for (int64_t row = 0; row < w.rows; ++row) values[row] = w.values[row * w.columns + column];
  return values;
}

}  // namespace

Factors principalPart(MatrixView w, int64_t rank, Workers& workers) {
  const auto across = [&](const Vector& v) { return rowsTimes(w, v, workers); };
  const auto down = [&](const Vector& u) { return columnsTimes(w, u, workers); };
  if (w.rows >= w.columns) {
    const Parts parts = largestParts(across, down, w.columns, rank);
    return {parts.values, flat(parts.left), flat(parts.right)};
  }
  const Parts parts = largestParts(down, across, w.rows, rank);
  return {parts.values, flat(parts.right), flat(parts.left)};
}

Factors leadingQr(MatrixView w, int64_t rank, Workers& workers) {
  Vectors reflectors;
  Vector r(rank * w.columns);
  const auto keep = [&](int64_t column, const Vector& values) {
    for (int64_t k = 0; k < std::min(rank, column + 1); ++k) r[k * w.columns + column] = values[k];
  };
  for (int64_t c = 0; c < rank; ++c) {
    Vector column = columnAt(w, c);
    for (const Vector& reflector : reflectors) reflect(reflector, column);
    reflectors.push_back(reflectorOf(column, c));
    reflect(reflectors.back(), column);
    keep(c, column);
  }
  forEach(workers, w.columns - rank, [&](int64_t task) {
    Vector column = columnAt(w, rank + task);
    for (const Vector& reflector : reflectors) reflect(reflector, column);
    keep(rank + task, column);
  });
  Vectors q;
  for (int64_t k = 0; k < rank; ++k) {
    Vector unit(w.rows);
    unit[k] = 1;
    for (int64_t index = rank - 1; index >= 0; --index) reflect(reflectors[index], unit);
    q.push_back(std::move(unit));
  }
  return {Vector(rank, 1.0), flat(q), std::move(r)};
}

}  // namespace luthier
