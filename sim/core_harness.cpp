// SPDX-License-Identifier: BSD-3-Clause
// The Verilated `core` behind a C interface: frames go into a queue, results come out of one, and `shiftcore_run`
// clocks the model in between. sim/core.py compiles, loads and documents it; the geometry comes from the manifest.
//
// One cycle: the inputs are set with the clock low, the settled handshakes are noted, then the clock rises. Valid
// stays up until the beat is taken (AXI4-Stream, section 2.2.1); the same is demanded of the core's output.

#include "Vcore.h"
#include "harness.h"
#ifdef SHIFTCORE_WAVE
#include "verilated_fst_c.h"
#endif

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Words = std::vector<uint32_t>;  // a beat: 32 bits a word, least significant first

template <typename T>
void put(T& port, const uint32_t* words) {
    uint64_t value = words[0];
    if constexpr (sizeof(T) > 4) value |= uint64_t(words[1]) << 32;
    port = T(value);
}
template <std::size_t N>
void put(VlWide<N>& port, const uint32_t* words) {
    for (std::size_t i = 0; i < N; i++) port[i] = words[i];
}
template <typename T>
void get(const T& port, uint32_t* words) {
    words[0] = uint32_t(port);
    if constexpr (sizeof(T) > 4) words[1] = uint32_t(uint64_t(port) >> 32);
}
template <std::size_t N>
void get(const VlWide<N>& port, uint32_t* words) {
    for (std::size_t i = 0; i < N; i++) words[i] = port[i];
}

std::size_t words_for(uint32_t bits) { return (bits + 31) / 32; }

bool bit(const Words& words, uint32_t index) { return words[index / 32] >> (index % 32) & 1; }

void append_bits(Words& to, const Words& from, uint32_t offset, uint32_t bits) {
    for (uint32_t done = 0; done < bits; done += 32) {
        uint32_t at = offset + done, low = at % 32;
        uint64_t window = from[at / 32];
        if (at / 32 + 1 < from.size()) window |= uint64_t(from[at / 32 + 1]) << 32;
        uint32_t word = uint32_t(window >> low);
        if (bits - done < 32) word &= (1u << (bits - done)) - 1;
        to.push_back(word);
    }
}

struct Frame {
    Words words;
    uint16_t context;
    uint64_t first_in = 0;
};

struct Result {
    Words words;
    uint64_t first_in, last_out;
};

struct Tap {
    uint32_t offset, bits;
    Words words;
};

}  // namespace

// How to clock: set by sim/core.py before each run.
#define OPTIONS(FIELD) \
    FIELD(double, input_pause) FIELD(double, output_pause) FIELD(uint64_t, interval) FIELD(uint64_t, patience)
SHARED_STRUCT(Options, OPTIONS)

// What is where, for a person: read by sim/core.py after each run.
#define STATUS(FIELD) \
    FIELD(uint64_t, cycles) FIELD(uint64_t, results) FIELD(uint64_t, frames_sent) FIELD(uint64_t, beats_sent) \
    FIELD(uint64_t, contexts_sent) FIELD(uint64_t, frames_received) FIELD(uint64_t, beats_received) \
    FIELD(uint32_t, input_waits) FIELD(uint32_t, context_waits)
SHARED_STRUCT(Status, STATUS)

enum Outcome : int { DONE = 0, STUCK = 1, FAILED = 2 };

struct Model {
    // geometry
    uint32_t in_beats, in_words, out_beats, out_words;
    std::vector<Tap> taps;
    std::size_t fifos;

    VerilatedContext context;
    std::unique_ptr<Vcore> top;
#ifdef SHIFTCORE_WAVE
    VerilatedFstC wave;
#endif
    Random random;
    uint64_t cycles = 0, quiet = 0;

    std::deque<Frame> sending;            // frames not yet wholly taken
    std::deque<uint16_t> contexts;        // context words not yet taken
    std::deque<uint64_t> in_flight;       // first_in of frames begun and not yet finished
    std::deque<Result> results;           // finished and not yet fetched
    Words receiving, held, beat, trace_data, trace_valid, trace_ready;
    uint64_t frames_sent = 0, contexts_sent = 0, frames_received = 0, next_start = 0;
    uint32_t beats_sent = 0, beats_received = 0;
    bool output_held = false;
    std::string error;

    Model(const uint32_t* g, uint64_t seed, const char* wave_path) : random{seed * 2 + 1} {
        in_beats = *g++, in_words = words_for(*g++), out_beats = *g++, out_words = words_for(*g++);
        taps.resize(*g++);
        uint32_t total = 0;
        for (Tap& tap : taps) tap.offset = *g++, tap.bits = *g++, total = std::max(total, tap.offset + tap.bits);
        fifos = *g++;
        held.resize(out_words + 1), beat.resize(out_words + 1);
        trace_data.resize(words_for(total) + 2);
        trace_valid.resize(words_for(uint32_t(taps.size())) + 2), trace_ready = trace_valid;
        context.randReset(2);  // registers start with random values, so that nothing passes by lucky zeros
        context.randSeed(int(seed % 0x7fffffff) + 1);
        context.traceEverOn(wave_path != nullptr);
        top = std::make_unique<Vcore>(&context);
        top->s_axis_tvalid = top->s_axis_ctx_tvalid = top->m_axis_tready = top->ap_clk = 0;
#ifdef SHIFTCORE_LOAD
        top->load_begins = top->s_axis_load_tvalid = 0;
#endif
        top->ap_rst_n = 0;
        top->eval();  // runs the initial blocks, which read the data files
#ifdef SHIFTCORE_WAVE
        if (wave_path) {
            top->trace(&wave, 99);
            wave.open(wave_path);
        }
#endif
        reset();
    }

    ~Model() {
#ifdef SHIFTCORE_WAVE
        if (wave.isOpen()) wave.close();
#endif
        top->final();
    }

    void half_cycle(bool clock) {
        top->ap_clk = clock;
        top->eval();
#ifdef SHIFTCORE_WAVE
        if (wave.isOpen()) wave.dump(context.time());
#endif
        context.timeInc(5);
    }

    void reset() {
        sending.clear(), contexts.clear(), in_flight.clear(), results.clear(), receiving.clear();
        for (Tap& tap : taps) tap.words.clear();
        beats_sent = beats_received = 0;
        frames_sent = contexts_sent = frames_received = 0;
        output_held = false;
        quiet = next_start = 0;
        top->s_axis_tvalid = top->s_axis_ctx_tvalid = top->m_axis_tready = 0;
        top->ap_rst_n = 0;
        for (int i = 0; i < 16; i++) half_cycle(false), half_cycle(true), cycles++;
        top->ap_rst_n = 1;
    }

    // Sends all words of a load stream into a bank, waits until the last is in its memory, and resets.
    void load(const uint32_t* words, std::size_t count, uint32_t bank) {
#ifdef SHIFTCORE_LOAD
        top->load_begins = 1u << bank;
        for (std::size_t i = 0; i < count; i++) {
            half_cycle(false), half_cycle(true), cycles++;
            top->load_begins = 0;
            top->s_axis_load_tdata = words[i];
            top->s_axis_load_tvalid = 1;
            top->eval();
            if (bool(top->load_ends) != (i + 1 == count))
                throw std::runtime_error("load_ends is not with the load stream's last word");
        }
        half_cycle(false), half_cycle(true), cycles++;
        top->s_axis_load_tvalid = 0;
        for (int i = 0; i < 32; i++) half_cycle(false), half_cycle(true), cycles++;
#endif
        reset();
    }

    void drive(const Options& o) {
        if (!top->s_axis_tvalid && !sending.empty() && (beats_sent || cycles >= next_start) &&
            !random.pauses(o.input_pause)) {
            put(top->s_axis_tdata, &sending.front().words[std::size_t(beats_sent) * in_words]);
            top->s_axis_tvalid = 1;
        }
        if (!top->s_axis_ctx_tvalid && !contexts.empty() && !random.pauses(o.input_pause)) {
            top->s_axis_ctx_tdata = contexts.front();
            top->s_axis_ctx_tvalid = 1;
        }
        top->m_axis_tready = !random.pauses(o.output_pause);
    }

    // What the coming clock edge transfers. The inputs' valid falls here, but is seen by the core after that edge.
    struct Transfers {
        bool input, context, output;
    };

    Transfers sample(const Options& o) {
        Transfers now{top->s_axis_tvalid && top->s_axis_tready, top->s_axis_ctx_tvalid && top->s_axis_ctx_tready,
                      top->m_axis_tvalid && top->m_axis_tready};
        if (now.input) {
            if (beats_sent == 0) in_flight.push_back(cycles), next_start = cycles + o.interval;
            if (++beats_sent == in_beats) beats_sent = 0, frames_sent++, sending.pop_front();
        }
        if (now.context) contexts.pop_front(), contexts_sent++;
        if (top->m_axis_tvalid) {
            get(top->m_axis_tdata, beat.data());
            if (output_held && beat != held) throw std::runtime_error("m_axis_tdata changed before the beat was taken");
        } else if (output_held) {
            throw std::runtime_error("m_axis_tvalid fell before the beat was taken");
        }
        output_held = top->m_axis_tvalid && !now.output;
        if (output_held) held = beat;
        if (now.output) receive();
        if (!taps.empty()) tap();
        return now;
    }

    void receive() {
        if (in_flight.empty()) throw std::runtime_error("an output beat came that belongs to no frame");
        receiving.insert(receiving.end(), beat.begin(), beat.begin() + out_words);
        if (++beats_received < out_beats) return;
        results.push_back({std::move(receiving), in_flight.front(), cycles});
        in_flight.pop_front();
        receiving.clear();
        beats_received = 0, frames_received++;
    }

    void tap() {
#ifdef SHIFTCORE_TAPS
        get(top->trace_valid, trace_valid.data());
        get(top->trace_ready, trace_ready.data());
        get(top->trace_data, trace_data.data());
        for (uint32_t i = 0; i < taps.size(); i++)
            if (bit(trace_valid, i) && bit(trace_ready, i))
                append_bits(taps[i].words, trace_data, taps[i].offset, taps[i].bits);
#endif
    }

    Outcome run(const Options& o, uint64_t count, uint64_t wanted) {
        for (; count && results.size() < wanted; count--) {
            drive(o);
            half_cycle(false);
            Transfers now = sample(o);
            half_cycle(true);
            cycles++;
            if (now.input) top->s_axis_tvalid = 0;
            if (now.context) top->s_axis_ctx_tvalid = 0;
            bool idle = in_flight.empty() && (sending.empty() ? contexts.empty() : cycles < next_start);
            quiet = now.input || now.context || now.output || idle ? 0 : quiet + 1;
            if (quiet > o.patience) return STUCK;
        }
        return DONE;
    }
};

// Every function that runs the model reports an error of the RTL or of its files as text, and leaves the model unusable.
EXPORT Model* shiftcore_open(const char* folder, const uint32_t* geometry, uint64_t seed, const char* wave, char* error,
                             std::size_t size) {
    try {
        data_folder = folder;
        return new Model(geometry, seed, wave);
    } catch (const std::exception& e) {
        std::strncpy(error, e.what(), size - 1);
        return nullptr;
    }
}

EXPORT void shiftcore_close(Model* m) { delete m; }

EXPORT void shiftcore_push(Model* m, const uint32_t* words, uint16_t context) {
    m->sending.push_back({Words(words, words + std::size_t(m->in_beats) * m->in_words), context});
    m->contexts.push_back(context);
}

EXPORT int shiftcore_reset(Model* m) {
    try {
        m->reset();
        return DONE;
    } catch (const std::exception& e) {
        m->error = e.what();
        return FAILED;
    }
}

EXPORT int shiftcore_load(Model* m, const uint32_t* words, std::size_t count, uint32_t bank) {
    try {
        m->load(words, count, bank);
        return DONE;
    } catch (const std::exception& e) {
        m->error = e.what();
        return FAILED;
    }
}

EXPORT int shiftcore_run(Model* m, const Options* options, uint64_t cycles, uint64_t wanted) {
    try {
        return m->run(*options, cycles, wanted);
    } catch (const std::exception& e) {
        m->error = e.what();
        return FAILED;
    }
}

EXPORT const char* shiftcore_error(Model* m) { return m->error.c_str(); }

EXPORT void shiftcore_status(Model* m, Status* s) {
    *s = {m->cycles, m->results.size(), m->frames_sent, m->beats_sent, m->contexts_sent, m->frames_received,
          m->beats_received, m->top->s_axis_tvalid, m->top->s_axis_ctx_tvalid};
}

EXPORT void shiftcore_take(Model* m, uint32_t* words, uint64_t* first_in, uint64_t* last_out) {
    const Result& result = m->results.front();
    std::memcpy(words, result.words.data(), result.words.size() * 4);
    *first_in = result.first_in, *last_out = result.last_out;
    m->results.pop_front();
}

EXPORT std::size_t shiftcore_trace_words(Model* m, uint32_t tap) { return m->taps[tap].words.size(); }

EXPORT void shiftcore_take_trace(Model* m, uint32_t tap, uint32_t* words, std::size_t count) {
    Words& from = m->taps[tap].words;
    std::memcpy(words, from.data(), count * 4);
    from.erase(from.begin(), from.begin() + std::ptrdiff_t(count));
}

// Bit i: the output of layer i is offered and not taken.
EXPORT int shiftcore_trace_waits(Model* m, uint32_t tap) {
    return bit(m->trace_valid, tap) && !bit(m->trace_ready, tap);
}

EXPORT void shiftcore_fifo_maxcount(Model* m, uint32_t* counts) {
#ifdef SHIFTCORE_FIFOS
    Words words(m->fifos + 2);
    get(m->top->fifo_maxcount, words.data());
    std::memcpy(counts, words.data(), m->fifos * 4);
#endif
}
