// SPDX-License-Identifier: BSD-3-Clause
// What the harnesses of all Verilated models share: errors of the RTL as exceptions, and reproducible randomness.

#pragma once

#include "verilated.h"

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

[[noreturn]] static void fail(const char* file, int line, const std::string& what) {
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}
void vl_stop(const char* file, int line, const char*) { fail(file, line, "the RTL reports an error, see above"); }
// A missing data file is but a warning to Verilator; the core would run with random weights.
void vl_warn(const char* file, int line, const char*, const char* what) { fail(file, line, what); }
void vl_fatal(const char* file, int line, const char*, const char* what) { fail(file, line, what); }

// Data files are named relative to the core's folder, and $readmemh opens them while a model is made. This process may
// be anywhere, and other threads of it have their own business there: so the name is completed here (-Wl,--wrap=fopen).
static thread_local std::string data_folder;
extern "C" FILE* __real_fopen(const char* name, const char* mode);
extern "C" FILE* __wrap_fopen(const char* name, const char* mode) {
    return __real_fopen(*name == '/' ? name : (data_folder + "/" + name).c_str(), mode);
}

// A structure that Python has as well. `fields` is a macro that applies its argument to the type and name of each field;
// sim/model.py compares them with its own when it loads the library.
#define DECLARE_FIELD(type, name) type name;
#define SHOW_FIELD(type, name) #type " " #name ";"
#define SHARED_STRUCT(name, fields) \
    struct name { \
        fields(DECLARE_FIELD) \
    }; \
    EXPORT const char* shiftcore_layout_##name() { return fields(SHOW_FIELD); }

// xorshift64*: Vigna 2016
struct Random {
    uint64_t state;
    bool pauses(double probability) {
        if (probability <= 0) return false;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return double((state * 0x2545F4914F6CDD1Dull) >> 11) * 0x1.0p-53 < probability;
    }
};
