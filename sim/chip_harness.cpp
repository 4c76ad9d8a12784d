// SPDX-License-Identifier: BSD-3-Clause
// The Verilated `chip` behind a C interface: register accesses over AXI4-Lite, and a memory behind its AXI port.
// sim/chip.py compiles, loads and documents it.
//
// One cycle: the inputs are set with the clock low, the settled handshakes are noted, then the clock rises. The memory
// keeps the chip to AXI (bursts, 4 KB, payload that stays until it is taken) and shows what is written only with the
// write's response. It serves bursts in order, several at a time, and answers with an error outside its bytes.

#include "Vchip.h"
#include "harness.h"

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

namespace {

constexpr uint32_t OUTSTANDING = 16;  // bursts taken and not answered, a direction
constexpr uint32_t BEAT = SHIFTCORE_BEAT;  // bytes
constexpr uint64_t PAGE = 4096;
constexpr uint8_t OKAY = 0, DECERR = 3;

struct Burst {
    uint64_t address;
    uint32_t beats, done;
    uint64_t ready_at;
    std::vector<uint64_t> data;
    std::vector<uint8_t> strobes;
};

struct Range {
    uint64_t begin, end;
    uint8_t response;
};

struct Word {
    uint64_t data;
    uint8_t strobes;
    bool last;
};

// A channel's payload, which must stay while valid is high and ready low.
struct Held {
    bool waiting = false;
    uint64_t payload[3] = {0, 0, 0};
    void check(const char* channel, bool valid, bool ready, uint64_t a, uint64_t b = 0, uint64_t c = 0) {
        if (waiting && !valid) throw std::runtime_error(std::string(channel) + ": valid fell before ready came");
        if (waiting && (payload[0] != a || payload[1] != b || payload[2] != c))
            throw std::runtime_error(std::string(channel) + ": changed before ready came");
        waiting = valid && !ready;
        payload[0] = a, payload[1] = b, payload[2] = c;
    }
};

}  // namespace

// How memory behaves: set by sim/chip.py before each run.
#define OPTIONS(FIELD) FIELD(double, stall) FIELD(uint64_t, read_latency) FIELD(uint64_t, write_latency)
SHARED_STRUCT(Options, OPTIONS)

enum Outcome : int { DONE = 0, FAILED = 1 };

struct Model {
    uint8_t* memory;
    uint64_t base, size;
    uint32_t max_burst, write_burst;
    std::vector<Range> bad[2];  // for reads, for writes

    VerilatedContext context;
    std::unique_ptr<Vchip> top;
    Random random;
    uint64_t cycles = 0;
    std::deque<Burst> reads, writes, answers;
    std::deque<Word> words;
    Held ar, aw, w;
    std::string error;

    Model(uint8_t* bytes, uint64_t at, uint64_t count, uint32_t beats, uint32_t write_beats, uint64_t seed)
        : memory(bytes), base(at), size(count), max_burst(beats), write_burst(write_beats), random{seed * 2 + 1} {
        context.randReset(2);  // registers start with random values, so that nothing passes by lucky zeros
        context.randSeed(int(seed % 0x7fffffff) + 1);
        top = std::make_unique<Vchip>(&context);
        top->clk = 0, top->rst_n = 0;
        top->s_axil_awvalid = top->s_axil_wvalid = top->s_axil_bready = top->s_axil_arvalid = top->s_axil_rready = 0;
        top->s_axil_awprot = top->s_axil_arprot = 0, top->s_axil_wstrb = 15;
        top->m_axi_arready = top->m_axi_awready = top->m_axi_wready = top->m_axi_rvalid = top->m_axi_bvalid = 0;
        top->m_axi_rid = top->m_axi_bid = 0;
        top->eval();  // runs the initial blocks, which read the data files
        for (int i = 0; i < 16; i++) half_cycle(false), half_cycle(true), cycles++;
        top->rst_n = 1;
    }

    ~Model() { top->final(); }

    void half_cycle(bool clock) {
        top->clk = clock;
        top->eval();
        context.timeInc(5);
    }

    // The response to an access of `bytes` at `address`: of the first bad range it touches, or DECERR outside.
    uint8_t response(bool write, uint64_t address, uint64_t bytes) const {
        if (address < base || address + bytes > base + size) return DECERR;
        for (const Range& range : bad[write])
            if (address < range.end && address + bytes > range.begin) return range.response;
        return OKAY;
    }

    void drive(const Options& o) {
        top->m_axi_arready = reads.size() < OUTSTANDING && !random.pauses(o.stall);
        top->m_axi_awready = writes.size() + answers.size() < OUTSTANDING && !random.pauses(o.stall);
        top->m_axi_wready = words.size() < write_burst && !random.pauses(o.stall);
        if (!top->m_axi_rvalid && !reads.empty() && cycles >= reads.front().ready_at && !random.pauses(o.stall)) {
            const Burst& burst = reads.front();
            uint64_t at = burst.address + uint64_t(burst.done) * BEAT, data = 0;
            top->m_axi_rresp = response(false, at, BEAT);
            if (top->m_axi_rresp == OKAY) std::memcpy(&data, memory + (at - base), BEAT);
            top->m_axi_rdata = data;
            top->m_axi_rlast = burst.done + 1 == burst.beats;
            top->m_axi_rvalid = 1;
        }
        if (!top->m_axi_bvalid && !answers.empty() && cycles >= answers.front().ready_at && !random.pauses(o.stall)) {
            top->m_axi_bresp = store(answers.front());
            top->m_axi_bvalid = 1;
        }
    }

    uint8_t store(const Burst& burst) {
        uint8_t bad_response = response(true, burst.address, uint64_t(burst.beats) * BEAT);
        if (bad_response != OKAY) return bad_response;
        for (uint32_t beat = 0; beat < burst.beats; beat++)
            for (uint32_t byte = 0; byte < BEAT; byte++)
                if (burst.strobes[beat] >> byte & 1)
                    memory[burst.address - base + beat * BEAT + byte] = uint8_t(burst.data[beat] >> 8 * byte);
        return OKAY;
    }

    Burst burst(const char* channel, uint32_t longest, uint64_t address, uint32_t len, uint32_t burst_size, uint32_t kind, uint32_t id) {
        uint64_t bytes = uint64_t(len + 1) * BEAT;
        if (len + 1 > longest) throw std::runtime_error(std::string(channel) + ": a burst longer than the port takes");
        if (burst_size != 3 || kind != 1 || id != 0)
            throw std::runtime_error(std::string(channel) + ": not an INCR burst of 8-byte beats with ID 0");
        if (address % BEAT) throw std::runtime_error(std::string(channel) + ": address not aligned to a beat");
        if (address / PAGE != (address + bytes - 1) / PAGE)
            throw std::runtime_error(std::string(channel) + ": a burst crosses 4 KB");
        return {address, len + 1, 0, 0, {}, {}};
    }

    struct Transfers {
        bool r, b, lite_aw, lite_w, lite_b, lite_ar, lite_r;
        uint32_t lite_data;
        uint8_t lite_response;
    };

    Transfers sample(const Options& o) {
        ar.check("m_axi_ar", top->m_axi_arvalid, top->m_axi_arready, top->m_axi_araddr, top->m_axi_arlen);
        aw.check("m_axi_aw", top->m_axi_awvalid, top->m_axi_awready, top->m_axi_awaddr, top->m_axi_awlen);
        w.check("m_axi_w", top->m_axi_wvalid, top->m_axi_wready, top->m_axi_wdata, top->m_axi_wstrb, top->m_axi_wlast);
        Transfers now{top->m_axi_rvalid && top->m_axi_rready,         top->m_axi_bvalid && top->m_axi_bready,
                      top->s_axil_awvalid && top->s_axil_awready,     top->s_axil_wvalid && top->s_axil_wready,
                      top->s_axil_bvalid && top->s_axil_bready,       top->s_axil_arvalid && top->s_axil_arready,
                      top->s_axil_rvalid && top->s_axil_rready,       top->s_axil_rdata,
                      top->s_axil_bvalid ? top->s_axil_bresp : top->s_axil_rresp};
        if (now.r && ++reads.front().done == reads.front().beats) reads.pop_front();
        if (now.b) answers.pop_front();
        if (top->m_axi_arvalid && top->m_axi_arready) {
            reads.push_back(burst("m_axi_ar", max_burst, top->m_axi_araddr, top->m_axi_arlen, top->m_axi_arsize,
                                  top->m_axi_arburst, top->m_axi_arid));
            reads.back().ready_at = cycles + 1 + o.read_latency;
        }
        if (top->m_axi_awvalid && top->m_axi_awready)
            writes.push_back(burst("m_axi_aw", write_burst, top->m_axi_awaddr, top->m_axi_awlen, top->m_axi_awsize,
                                   top->m_axi_awburst, top->m_axi_awid));
        if (top->m_axi_wvalid && top->m_axi_wready)
            words.push_back({top->m_axi_wdata, top->m_axi_wstrb, bool(top->m_axi_wlast)});
        while (!writes.empty() && !words.empty()) collect(o);
        return now;
    }

    // The next word belongs to the oldest burst that is not complete; a complete one waits for its answer.
    void collect(const Options& o) {
        Burst& burst = writes.front();
        burst.data.push_back(words.front().data);
        burst.strobes.push_back(words.front().strobes);
        bool last = ++burst.done == burst.beats;
        if (words.front().last != last) throw std::runtime_error("m_axi_w: wlast is not with the burst's last beat");
        words.pop_front();
        if (!last) return;
        burst.ready_at = cycles + 1 + o.write_latency;
        answers.push_back(std::move(burst));
        writes.pop_front();
    }

    Transfers cycle(const Options& o) {
        drive(o);
        half_cycle(false);
        Transfers now = sample(o);
        half_cycle(true);
        cycles++;
        if (now.r) top->m_axi_rvalid = 0;
        if (now.b) top->m_axi_bvalid = 0;
        if (now.lite_aw) top->s_axil_awvalid = 0;
        if (now.lite_w) top->s_axil_wvalid = 0;
        if (now.lite_ar) top->s_axil_arvalid = 0;
        return now;
    }

    uint64_t run(const Options& o, uint64_t count, bool until_irq) {
        uint64_t done = 0;
        while (done < count && !(until_irq && top->irq)) cycle(o), done++;
        return done;
    }

    // A register access, both addresses and data at once, at most `limit` cycles long. Returns the response.
    uint8_t access(const Options& o, bool write, uint32_t offset, uint32_t* word, uint32_t limit) {
        top->s_axil_awaddr = top->s_axil_araddr = offset;
        top->s_axil_wdata = *word;
        top->s_axil_awvalid = top->s_axil_wvalid = write;
        top->s_axil_arvalid = !write;
        for (uint32_t i = 0; i < limit; i++) {
            top->s_axil_bready = write && !random.pauses(o.stall);
            top->s_axil_rready = !write && !random.pauses(o.stall);
            Transfers now = cycle(o);
            if (!now.lite_b && !now.lite_r) continue;
            top->s_axil_bready = top->s_axil_rready = 0;
            if (!write) *word = now.lite_data;
            return now.lite_response;
        }
        throw std::runtime_error("the register port does not answer");
    }
};

// Every function that runs the model reports an error of the RTL or of its files as text, and leaves the model unusable.
EXPORT Model* shiftcore_open(const char* folder, uint8_t* memory, uint64_t base, uint64_t size, uint32_t max_burst,
                             uint32_t write_burst, uint64_t seed, char* error, std::size_t length) {
    try {
        data_folder = folder;
        return new Model(memory, base, size, max_burst, write_burst, seed);
    } catch (const std::exception& e) {
        std::strncpy(error, e.what(), length - 1);
        return nullptr;
    }
}

EXPORT void shiftcore_close(Model* m) { delete m; }

EXPORT int shiftcore_run(Model* m, const Options* options, uint64_t cycles, int until_irq, uint64_t* done) {
    try {
        *done = m->run(*options, cycles, until_irq);
        return DONE;
    } catch (const std::exception& e) {
        m->error = e.what();
        return FAILED;
    }
}

EXPORT int shiftcore_access(Model* m, const Options* options, int write, uint32_t offset, uint32_t* word,
                            uint32_t limit, uint8_t* response) {
    try {
        *response = m->access(*options, write, offset, word, limit);
        return DONE;
    } catch (const std::exception& e) {
        m->error = e.what();
        return FAILED;
    }
}

EXPORT const char* shiftcore_error(Model* m) { return m->error.c_str(); }
EXPORT uint64_t shiftcore_cycles(Model* m) { return m->cycles; }
EXPORT int shiftcore_irq(Model* m) { return m->top->irq; }

EXPORT void shiftcore_spoil(Model* m, int write, uint64_t begin, uint64_t end, uint8_t response) {
    m->bad[write].push_back({begin, end, response});
}

EXPORT void shiftcore_heal(Model* m, uint64_t begin) {
    for (auto& ranges : m->bad)
        std::erase_if(ranges, [=](const Range& range) { return range.begin == begin; });
}
