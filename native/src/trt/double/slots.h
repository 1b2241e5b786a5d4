// Objects as NVIDIA's library makes them, for a test: the public class from the real header, over a table of virtual
// functions filled by slot number. The numbers come from the header too (a pointer to a virtual member holds 1 + 8 * slot in
// the Itanium C++ ABI), so the double follows the generation it is compiled for, and every function that the shim has no
// business calling ends the process with a message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "faults.h"

namespace fake {

template <class Member>
size_t slot(Member member) {
    std::array<ptrdiff_t, 2> raw{};
    static_assert(sizeof member == sizeof raw, "Itanium C++ ABI");
    std::memcpy(raw.data(), &member, sizeof raw);
    return static_cast<size_t>(raw[0] - 1) / sizeof(void*);
}

[[noreturn]] inline void outsideContract() {
    (void)std::fputs("TensorRT double: a function outside the shim's contract was called\n", stderr);
    std::abort();
}

// What an object's mImpl points to: a table, and the object it belongs to.
class Table {
  public:
    explicit Table(void* self) : self_(self) {
        entries_.fill(reinterpret_cast<void*>(outsideContract));
        table_ = entries_.data();
    }
    template <class Member, class Function>
    void set(Member member, Function function) {
        entries_.at(slot(member)) = reinterpret_cast<void*>(function);
    }
    template <class Self>
    Self& self() const {
        return *static_cast<Self*>(self_);
    }

  private:
    void** table_ = nullptr;  // first: it stands where a compiler puts the pointer to the virtual functions
    void* self_;
    std::array<void*, 256> entries_{};
};

// Counts the objects that live.
struct Counted {
    Counted() { ++faults::live; }
    ~Counted() { --faults::live; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
};

}  // namespace fake
