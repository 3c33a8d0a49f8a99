// Drives the Verilated top of one build: whole streams per call, called through ctypes (hwgen/simulate/native.py).
//
// design.hpp, rendered for each build, binds the top's AXI4-Stream ports and the public wires of every layer boundary.
// A cycle: set inputs, settle with the clock low, sample all handshakes, rising edge.
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "Vdesign.h"
#include "Vdesign___024root.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

// Signals of one stream; last and keep are null inside the design.
struct Wires {
    uint8_t* data;
    size_t bytes;
    uint8_t* valid;
    uint8_t* ready;
    uint8_t* last;
    uint8_t* keep;
    size_t keep_bytes;
};

#include "design.hpp"

enum Fault : uint64_t { NONE, VALID_FELL, PAYLOAD_CHANGED, LAST_WRONG, KEEP_WRONG, EXTRA_BEAT };
enum Status : int { FINISHED, TIMEOUT, STUCK, RTL_ERROR, RUNNING };

// Shared with Python: one stream of a run. `willing` of 2^32 is the chance to be willing in a cycle.
struct Stream {
    uint8_t* data;
    uint64_t beat_bytes;
    uint64_t beats;
    uint64_t frame_beats;
    uint64_t* frame_ends;
    uint64_t willing;
    uint64_t done;
    uint64_t first_cycle;
    uint64_t fault;
    uint64_t fault_beat;
    uint64_t valid;
    uint64_t ready;
};

namespace {

constexpr uint64_t ALWAYS = uint64_t(1) << 32;
constexpr int RESET_CYCLES = 8;
constexpr int DRAIN_CYCLES = 64;

std::string printed;  // since the last run began

// What was printed last says more than the arguments of the handlers.
[[noreturn]] void raise_printed() {
    while (!printed.empty() && printed.back() == '\n') printed.pop_back();
    throw std::runtime_error(printed.substr(printed.rfind('\n') + 1));
}

[[noreturn]] void raise_rtl(const char* file, int line, const std::string& text) {
    if (!printed.empty()) raise_printed();
    const std::string path = file ? file : "";
    throw std::runtime_error(path.substr(path.rfind('/') + 1) + ":" + std::to_string(line) + ": " + text);
}

struct Random {  // xorshift64*
    uint64_t state;
    uint32_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return static_cast<uint32_t>((state * 0x2545F4914F6CDD1DULL) >> 32);
    }
    bool willing(uint64_t of) { return of >= ALWAYS || next() < of; }
};

// What a stream held at the last rising edge, while it was stalled.
struct Held {
    bool stalled = false;
    std::vector<uint8_t> beat;
    uint8_t last = 0;
};

struct Run;

struct Simulation {
    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vdesign> top;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace;
#endif
    std::vector<Wires> inputs, outputs, probes;
    std::string error;
    std::shared_ptr<Run> run;

    void settle(uint8_t clock) {
        top->HWGEN_CLOCK = clock;
        top->eval();
#if VM_TRACE
        if (trace) trace->dump(context->time());
#endif
        context->timeInc(5);
    }

    void reset() {
        for (Wires& w : inputs) *w.valid = 0;
        for (Wires& w : outputs) *w.ready = 0;
        top->HWGEN_RESET_N = 0;
        for (int i = 0; i < RESET_CYCLES; ++i) settle(0), settle(1);
        top->HWGEN_RESET_N = 1;
    }
};

void fail(Stream& s, Fault fault) {
    if (s.fault == NONE) s.fault = fault, s.fault_beat = s.done;
}

// One rising edge of a stream that comes out of the design or lies inside it. True if a beat moved.
bool observe(const Wires& w, Stream& s, Held& held, uint64_t cycle, bool strict) {
    if (!*w.valid) {
        if (held.stalled) fail(s, VALID_FELL);
        held.stalled = false;
        return false;
    }
    if (s.first_cycle == UINT64_MAX) s.first_cycle = cycle;
    if (strict) {
        const bool changed = std::memcmp(held.beat.data(), w.data, w.bytes) || (w.last && held.last != *w.last);
        if (held.stalled && changed) fail(s, PAYLOAD_CHANGED);
        held.stalled = !*w.ready;
        if (held.stalled) {
            std::memcpy(held.beat.data(), w.data, w.bytes);
            if (w.last) held.last = *w.last;
        }
    }
    if (!*w.ready) return false;
    if (s.done >= s.beats) {
        fail(s, EXTRA_BEAT);
        return true;
    }
    const bool ends = (s.done + 1) % s.frame_beats == 0;
    if (w.last && bool(*w.last) != ends) fail(s, LAST_WRONG);
    for (size_t i = 0; w.keep && i < w.keep_bytes; ++i)
        if (w.keep[i] != (w.bytes >= 8 * (i + 1) ? 0xFF : (1u << (w.bytes - 8 * i)) - 1)) fail(s, KEEP_WRONG);
    std::memcpy(s.data + s.done * s.beat_bytes, w.data, s.beat_bytes);
    if (ends) s.frame_ends[s.done / s.frame_beats] = cycle;
    ++s.done;
    return true;
}

// Put the next beat on an input, or noise while the side is not willing.
void offer(const Wires& w, Stream& s, Random& random) {
    if (*w.valid) return;
    if (s.done < s.beats && random.willing(s.willing)) {
        std::memset(w.data, 0, w.bytes);
        std::memcpy(w.data, s.data + s.done * s.beat_bytes, s.beat_bytes);
        *w.valid = 1;
        if (w.last) *w.last = (s.done + 1) % s.frame_beats == 0;
        for (size_t i = 0; w.keep && i < w.keep_bytes; ++i)
            w.keep[i] = w.bytes >= 8 * (i + 1) ? 0xFF : (1u << (w.bytes - 8 * i)) - 1;
    } else if (s.willing < ALWAYS && w.last) {
        *w.last = random.next() & 1;
    }
}

// One rising edge of an input, sampled before it; true if a beat was taken.
bool taken(const Wires& w, Stream& s, uint64_t cycle) {
    if (!*w.valid || !*w.ready) return false;
    if (s.first_cycle == UINT64_MAX) s.first_cycle = cycle;
    if ((s.done + 1) % s.frame_beats == 0) s.frame_ends[s.done / s.frame_beats] = cycle;
    ++s.done;
    return true;
}

bool complete(const Stream* s, size_t count) {
    for (size_t i = 0; i < count; ++i)
        if (s[i].done < s[i].beats) return false;
    return true;
}

void note_state(const std::vector<Wires>& wires, Stream* s) {
    for (size_t i = 0; i < wires.size(); ++i) s[i].valid = *wires[i].valid, s[i].ready = *wires[i].ready;
}

struct Run {
    Simulation& sim;
    Stream *inputs, *outputs, *probes;
    Random random;
    bool strict;
    std::vector<Held> out_held, probe_held;
    uint64_t now = 0, idle = 0;

    Run(Simulation& sim, Stream* inputs, Stream* outputs, Stream* probes, uint64_t seed, bool strict)
        : sim(sim), inputs(inputs), outputs(outputs), probes(probes),
          random{seed * 0x9E3779B97F4A7C15ULL + 0x1234567ULL}, strict(strict) {
        for (const Wires& w : sim.outputs) out_held.push_back({false, std::vector<uint8_t>(w.bytes), 0});
        for (const Wires& w : sim.probes) probe_held.push_back({false, std::vector<uint8_t>(w.bytes), 0});
    }

    void cycle() {
        bool moved = false;
        for (size_t i = 0; i < sim.inputs.size(); ++i) offer(sim.inputs[i], inputs[i], random);
        for (size_t i = 0; i < sim.outputs.size(); ++i)
            *sim.outputs[i].ready = random.willing(outputs[i].willing);
        sim.settle(0);
        for (size_t i = 0; i < sim.outputs.size(); ++i)
            moved |= observe(sim.outputs[i], outputs[i], out_held[i], now, strict);
        for (size_t i = 0; i < sim.probes.size(); ++i)
            moved |= observe(sim.probes[i], probes[i], probe_held[i], now, strict);
        uint64_t accepted = 0;
        for (size_t i = 0; i < sim.inputs.size(); ++i)
            if (taken(sim.inputs[i], inputs[i], now)) accepted |= uint64_t(1) << i;
        note_state(sim.inputs, inputs);
        sim.settle(1);
        for (size_t i = 0; i < sim.inputs.size(); ++i)
            if (accepted >> i & 1) *sim.inputs[i].valid = 0;
        idle = moved || accepted ? 0 : idle + 1;
        ++now;
    }

    bool complete() const {
        return ::complete(outputs, sim.outputs.size()) && ::complete(probes, sim.probes.size());
    }

    int advance(uint64_t chunk, uint64_t max_cycles, uint64_t idle_limit, uint64_t* cycles) {
        int status = RUNNING;
        for (uint64_t end = now + chunk; status == RUNNING && now < end;) {
            if (complete())
                status = FINISHED;
            else if (now >= max_cycles || idle >= idle_limit)
                status = idle >= idle_limit ? STUCK : TIMEOUT;
            else
                cycle();
        }
        *cycles = now;
        for (int i = 0; status == FINISHED && i < DRAIN_CYCLES; ++i) cycle();
        note_state(sim.outputs, outputs);
        note_state(sim.probes, probes);
        return status;
    }
};

}  // namespace

int hwgen_printf(const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int size = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (printed.size() < 1 << 20) printed += text;
    return size;
}

void vl_stop(const char* file, int line, const char*) { raise_rtl(file, line, "a check failed"); }
void vl_finish(const char* file, int line, const char*) { raise_rtl(file, line, "$finish was called"); }
void vl_fatal(const char* file, int line, const char*, const char* text) {
    printed.clear();
    raise_rtl(file, line, text);
}

extern "C" {

// A new simulation whose memory files are found from `folder`. The error text is empty if it worked.
__attribute__((visibility("default"))) Simulation* hwgen_new(const char* folder, const char* vcd, uint64_t seed) {
    auto* sim = new Simulation;
    printed.clear();
    const int here = open(".", O_RDONLY);
    try {
        if (chdir(folder)) throw std::runtime_error(std::string("no folder ") + folder);
        sim->context = std::make_unique<VerilatedContext>();
        sim->context->randReset(2);
        sim->context->randSeed(static_cast<int>(seed % 0x7FFFFFFF) + 1);
        sim->context->traceEverOn(vcd != nullptr);
        sim->top = std::make_unique<Vdesign>(sim->context.get());
        bind_design(*sim->top, sim->inputs, sim->outputs, sim->probes);
#if VM_TRACE
        if (vcd) {
            sim->trace = std::make_unique<VerilatedVcdC>();
            sim->top->trace(sim->trace.get(), 99);
            sim->trace->open(vcd);
        }
#endif
        sim->top->HWGEN_RESET_N = 0;
        sim->settle(0);
        if (printed.find("%Warning") != std::string::npos) raise_printed();  // a memory file that is short or missing
    } catch (const std::exception& failure) {
        sim->error = failure.what();
    }
    if (here >= 0) {
        if (fchdir(here)) sim->error = "the working directory is gone";
        close(here);
    }
    return sim;
}

// Reset, then prepare a run; the streams must stay where they are until it ends.
__attribute__((visibility("default"))) int hwgen_start(Simulation* sim, Stream* inputs, Stream* outputs,
                                                       Stream* probes, uint64_t seed, int strict) {
    printed.clear();
    try {
        sim->reset();
        sim->run = std::make_shared<Run>(*sim, inputs, outputs, probes, seed, strict != 0);
        return RUNNING;
    } catch (const std::exception& failure) {
        sim->error = failure.what();
        return RTL_ERROR;
    }
}

// Run for at most `chunk` cycles, or until every output and boundary has its beats. Returns a Status.
__attribute__((visibility("default"))) int hwgen_advance(Simulation* sim, uint64_t chunk, uint64_t max_cycles,
                                                         uint64_t idle_limit, uint64_t* cycles) {
    try {
        return sim->run->advance(chunk, max_cycles, idle_limit, cycles);
    } catch (const std::exception& failure) {
        sim->error = failure.what();
        return RTL_ERROR;
    }
}

// The bytes of tdata of port or probe `index`; kind 0 input, 1 output, 2 probe. 0 beyond the last.
__attribute__((visibility("default"))) uint64_t hwgen_bytes(Simulation* sim, int kind, uint64_t index) {
    const auto& wires = kind == 0 ? sim->inputs : kind == 1 ? sim->outputs : sim->probes;
    return index < wires.size() ? wires[index].bytes : 0;
}

__attribute__((visibility("default"))) const char* hwgen_error(Simulation* sim) { return sim->error.c_str(); }

__attribute__((visibility("default"))) void hwgen_delete(Simulation* sim) {
#if VM_TRACE
    if (sim->trace) sim->trace->close();
#endif
    if (sim->top) sim->top->final();
    delete sim;
}

}  // extern "C"
