// The part of ap_int that hls/ uses, over native words: for C simulation where there is no Vitis HLS.
//
// ap_uint<W>, ap_int<W>: construction, conversion of any width, + - * & | ^, comparisons, shifts, range(hi, lo), [i].
// Results have the widths and signs of ap_int: no operator loses a bit, assignment truncates or extends.
// Stricter than ap_int: no implicit conversion to native integers, and results of more than 128 bits do not compile.
// A number that is not initialised holds nonsense on purpose: hardware promises no zero there.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace ap_shim {

constexpr int WORD = 64;
constexpr std::uint64_t NONSENSE = 0xA5A5A5A5A5A5A5A5;

using double_word = unsigned __int128;

// The type that BITS bits are computed in, modulo its size.
template <int BITS>
using native = std::conditional_t<(BITS <= WORD), std::uint64_t, double_word>;

constexpr std::uint64_t low_bits(int count) {
  return count >= WORD ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

inline void check_range(int hi, int lo, int width) {
#ifdef AP_SHIM_CHECKS
  if (lo < 0 || hi < lo || hi >= width) std::abort();
#else
  (void)hi, (void)lo, (void)width;
#endif
}

template <int W, bool S>
class number;

// Bits hi to lo of a number, to read.
template <int W, bool S>
class range_view {
 public:
  range_view(const number<W, S>& of, int hi, int lo) : of_(of), hi_(hi), lo_(lo) { check_range(hi, lo, W); }

  // 64 bits of the range from bit 64 * index on, zeros above it.
  std::uint64_t word(int index) const {
    const int left = hi_ + 1 - lo_ - WORD * index;
    return left > 0 ? of_.bits_at(lo_ + WORD * index) & low_bits(left) : 0;
  }

 protected:
  const number<W, S>& of_;
  int hi_, lo_;
};

// The same to write as well.
template <int W, bool S>
class range_ref : public range_view<W, S> {
 public:
  range_ref(number<W, S>& of, int hi, int lo) : range_view<W, S>(of, hi, lo), to_(of) {}
  range_ref(const range_ref&) = default;

  template <int W2, bool S2>
  range_ref& operator=(const number<W2, S2>& value) {
    for (int from = 0; this->lo_ + from <= this->hi_; from += WORD) {
      to_.set_bits(this->lo_ + from, this->hi_ + 1 - this->lo_ - from, value.word(from / WORD));
    }
    return *this;
  }
  range_ref& operator=(std::uint64_t value);
  range_ref& operator=(const range_ref& value);

 private:
  number<W, S>& to_;
};

// Bit i of a number.
template <int W, bool S>
class bit_ref : public range_ref<W, S> {
 public:
  bit_ref(number<W, S>& of, int index) : range_ref<W, S>(of, index, index) {}
  bit_ref(const bit_ref&) = default;
  operator bool() const { return this->word(0) != 0; }
  bit_ref& operator=(bool value) {
    range_ref<W, S>::operator=(std::uint64_t{value});
    return *this;
  }
  bit_ref& operator=(const bit_ref& value) { return *this = bool(value); }
};

// W bits, two's complement where S; the bits of the last word above W repeat the sign, or are zero.
template <int W, bool S>
class number {
  static_assert(W >= 1, "a number has at least one bit");
  static constexpr int WORDS = (W + WORD - 1) / WORD;

 public:
  constexpr number() : words_{} {
    for (auto& word : words_) word = NONSENSE;
    extend();
  }

  template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  constexpr number(T value) : words_{} {
    words_[0] = static_cast<std::uint64_t>(value);
    for (int i = 1; i < WORDS; i++) words_[i] = value < T{} ? ~std::uint64_t{0} : 0;
    extend();
  }

  template <int W2, bool S2>
  constexpr number(const number<W2, S2>& value) : words_{} {
    for (int i = 0; i < WORDS; i++) words_[i] = value.word(i);
    extend();
  }

  template <int W2, bool S2>
  number(const range_view<W2, S2>& range) : words_{} {
    for (int i = 0; i < WORDS; i++) words_[i] = range.word(i);
    extend();
  }

  // "0x" and hexadecimal digits, or those alone; radix 16 is the only one.
  constexpr number(const char* text, [[maybe_unused]] signed char radix) : words_{} {
    for (const char* at = text[0] == '0' && text[1] == 'x' ? text + 2 : text; *at != '\0'; at++) {
      for (int i = WORDS - 1; i > 0; i--) words_[i] = words_[i] << 4 | words_[i - 1] >> (WORD - 4);
      words_[0] = words_[0] << 4 | static_cast<std::uint64_t>(*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
    }
    extend();
  }

  // 64 bits from bit 64 * index on, the sign repeated above W.
  constexpr std::uint64_t word(int index) const { return index < WORDS ? words_[index] : above(); }

  // 64 bits from any bit below W on.
  std::uint64_t bits_at(int place) const {
    const int index = place / WORD, shift = place % WORD;
    return shift == 0 ? words_[index] : words_[index] >> shift | word(index + 1) << (WORD - shift);
  }

  // Bits place to place + count - 1, at most 64 of them.
  void set_bits(int place, int count, std::uint64_t value) {
    const int index = place / WORD, shift = place % WORD;
    const std::uint64_t mask = low_bits(count);
    words_[index] = (words_[index] & ~(mask << shift)) | (value & mask) << shift;
    if (shift != 0 && index + 1 < WORDS) {
      const int up = WORD - shift;
      words_[index + 1] = (words_[index + 1] & ~(mask >> up)) | (value & mask) >> up;
    }
    extend();
  }

  template <int BITS>
  constexpr native<BITS> in() const {
    static_assert(BITS <= 2 * WORD, "more than 128 bits are only sliced, never computed with");
    if constexpr (BITS <= WORD) {
      return words_[0];
    } else {
      return native<BITS>{word(1)} << WORD | words_[0];
    }
  }

  static constexpr number of(double_word value) {
    number made = static_cast<std::uint64_t>(value);
    if constexpr (WORDS == 2) made.words_[1] = static_cast<std::uint64_t>(value >> WORD);
    made.extend();
    return made;
  }
  static constexpr number of(std::uint64_t value) { return number(value); }

  constexpr bool negative() const { return S && static_cast<std::int64_t>(words_[WORDS - 1]) < 0; }
  constexpr std::uint64_t to_uint64() const { return words_[0]; }
  constexpr std::int64_t to_int64() const { return static_cast<std::int64_t>(words_[0]); }
  constexpr unsigned to_uint() const { return static_cast<unsigned>(words_[0]); }
  constexpr int to_int() const { return static_cast<int>(static_cast<unsigned>(words_[0])); }
  constexpr bool to_bool() const { return *this != number(0); }
  explicit constexpr operator bool() const { return to_bool(); }

  range_ref<W, S> range(int hi, int lo) { return {*this, hi, lo}; }
  range_view<W, S> range(int hi, int lo) const { return {*this, hi, lo}; }
  bit_ref<W, S> operator[](int index) { return {*this, index}; }
  bool operator[](int index) const { return range(index, index).word(0) != 0; }

  constexpr number operator<<(int count) const {
    number made = 0;
    for (int i = WORDS - 1; i >= count / WORD; i--) made.words_[i] = shifted_word(i - count / WORD, count % WORD);
    made.extend();
    return made;
  }
  constexpr number operator>>(int count) const {
    number made = 0;
    const int shift = count % WORD;
    for (int i = 0; i < WORDS; i++) {
      const int from = i + count / WORD;
      made.words_[i] = shift == 0 ? word(from) : word(from) >> shift | word(from + 1) << (WORD - shift);
    }
    made.extend();
    return made;
  }

  template <typename T>
  constexpr number& operator+=(const T& other) {
    return *this = *this + other;
  }
  template <typename T>
  constexpr number& operator-=(const T& other) {
    return *this = *this - other;
  }
  template <typename T>
  constexpr number& operator*=(const T& other) {
    return *this = *this * other;
  }
  constexpr number operator-() const = delete;  // write 0 - x: it has the bits that the sign needs

 private:
  constexpr std::uint64_t above() const { return negative() ? ~std::uint64_t{0} : 0; }

  constexpr std::uint64_t shifted_word(int index, int shift) const {
    return shift == 0 ? words_[index] : words_[index] << shift | (index > 0 ? words_[index - 1] >> (WORD - shift) : 0);
  }

  constexpr void extend() {
    constexpr int unused = WORDS * WORD - W;
    auto& last = words_[WORDS - 1];
    if constexpr (S) {
      last = static_cast<std::uint64_t>(static_cast<std::int64_t>(last << unused) >> unused);
    } else {
      last = last << unused >> unused;
    }
  }

  std::uint64_t words_[WORDS];
};

template <int W, bool S>
range_ref<W, S>& range_ref<W, S>::operator=(std::uint64_t value) {
  return *this = number<WORD, false>(value);
}

template <int W, bool S>
range_ref<W, S>& range_ref<W, S>::operator=(const range_ref& value) {
  return *this = number<W, false>(value);
}

// Any operand as a number: native integers have their own width, a range the width of what it is of.
template <int W, bool S>
constexpr const number<W, S>& lifted(const number<W, S>& value) {
  return value;  // NOLINT(bugprone-return-const-ref-from-parameter): only read in the expression that gives it
}
template <int W, bool S>
number<W, false> lifted(const range_view<W, S>& range) {
  return range;
}
template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
constexpr number<std::is_same_v<T, bool> ? 1 : 8 * int{sizeof(T)}, std::is_signed_v<T>> lifted(T value) {
  return value;
}

template <int W, bool S>
std::true_type is_number(const number<W, S>*);
template <int W, bool S>
std::true_type is_number(const range_view<W, S>*);
std::false_type is_number(const void*);

template <typename L, typename R>
constexpr bool any_number =
    decltype(is_number(static_cast<L*>(nullptr)))::value || decltype(is_number(static_cast<R*>(nullptr)))::value;

template <typename L, typename R>
using if_number = std::enable_if_t<any_number<L, R>, int>;

constexpr int larger(int a, int b) { return a > b ? a : b; }

// Bits of a side in an operation with signs S1 and S2: an unsigned number beside a signed one needs a sign.
constexpr int beside(int bits, bool own, bool other) { return bits + (other && !own ? 1 : 0); }

template <int W1, bool S1, int W2, bool S2>
constexpr auto sum(const number<W1, S1>& a, const number<W2, S2>& b) {
  constexpr int BITS = larger(beside(W1, S1, S2), beside(W2, S2, S1)) + 1;
  using result = number<BITS, S1 || S2>;
  return result::of(a.template in<BITS>() + b.template in<BITS>());
}

template <int W1, bool S1, int W2, bool S2>
constexpr auto difference(const number<W1, S1>& a, const number<W2, S2>& b) {
  constexpr int BITS = larger(beside(W1, S1, S2), beside(W2, S2, S1)) + 1;
  return number<BITS, true>::of(a.template in<BITS>() - b.template in<BITS>());
}

template <int W1, bool S1, int W2, bool S2>
constexpr auto product(const number<W1, S1>& a, const number<W2, S2>& b) {
  constexpr int BITS = W1 + W2;
  using result = number<BITS, S1 || S2>;
  return result::of(a.template in<BITS>() * b.template in<BITS>());
}

template <typename Op, int W1, bool S1, int W2, bool S2>
constexpr auto bitwise(const number<W1, S1>& a, const number<W2, S2>& b, Op op) {
  constexpr int BITS = larger(beside(W1, S1, S2), beside(W2, S2, S1));
  using result = number<BITS, S1 || S2>;
  return result::of(op(a.template in<BITS>(), b.template in<BITS>()));
}

// -1, 0 or 1: the order of two numbers of any widths and signs.
template <int W1, bool S1, int W2, bool S2>
constexpr int order(const number<W1, S1>& a, const number<W2, S2>& b) {
  static_assert(S1 == S2 || ((S1 ? W2 : W1) <= 16 && larger(W1, W2) <= WORD),
                "ap_int compares numbers of two signs as C does, which is not their order: give both the same sign");
  if (a.negative() != b.negative()) return a.negative() ? -1 : 1;
  for (int i = (larger(W1, W2) - 1) / WORD; i >= 0; i--) {
    if (a.word(i) != b.word(i)) return a.word(i) < b.word(i) ? -1 : 1;
  }
  return 0;
}

template <typename L, typename R, if_number<L, R> = 0>
constexpr auto operator+(const L& a, const R& b) {
  return sum(lifted(a), lifted(b));
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr auto operator-(const L& a, const R& b) {
  return difference(lifted(a), lifted(b));
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr auto operator*(const L& a, const R& b) {
  return product(lifted(a), lifted(b));
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr auto operator&(const L& a, const R& b) {
  return bitwise(lifted(a), lifted(b), [](auto x, auto y) { return x & y; });
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr auto operator|(const L& a, const R& b) {
  return bitwise(lifted(a), lifted(b), [](auto x, auto y) { return x | y; });
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr auto operator^(const L& a, const R& b) {
  return bitwise(lifted(a), lifted(b), [](auto x, auto y) { return x ^ y; });
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr bool operator==(const L& a, const R& b) {
  return order(lifted(a), lifted(b)) == 0;
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr bool operator!=(const L& a, const R& b) {
  return order(lifted(a), lifted(b)) != 0;
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr bool operator<(const L& a, const R& b) {
  return order(lifted(a), lifted(b)) < 0;
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr bool operator<=(const L& a, const R& b) {
  return order(lifted(a), lifted(b)) <= 0;
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr bool operator>(const L& a, const R& b) {
  return order(lifted(a), lifted(b)) > 0;
}
template <typename L, typename R, if_number<L, R> = 0>
constexpr bool operator>=(const L& a, const R& b) {
  return order(lifted(a), lifted(b)) >= 0;
}

}  // namespace ap_shim

template <int W>
using ap_uint = ap_shim::number<W, false>;
template <int W>
using ap_int = ap_shim::number<W, true>;
