// SPDX-License-Identifier: BSD-3-Clause
// What Verilator's FST writer takes from liblz4, without its compression: a block of literals only, which the format
// allows (LZ4 block format, section "End of block"). So waveforms need no library on the user's machine.
#pragma once

#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

inline int LZ4_compress_default(const char* from, char* to, int size, int) {
    char* at = to;
    *at++ = static_cast<char>((size < 15 ? size : 15) << 4);
    if (size >= 15) {
        int rest = size - 15;
        for (; rest >= 255; rest -= 255) *at++ = static_cast<char>(255);
        *at++ = static_cast<char>(rest);
    }
    std::memcpy(at, from, static_cast<std::size_t>(size));
    return static_cast<int>(at - to) + size;
}
