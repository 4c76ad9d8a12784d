// SPDX-License-Identifier: BSD-3-Clause
// Temporal shift (TSM, Lin et al. 2019, uni-directional) over AXI4-Stream, NHWC, PE channels a beat.
//
// Function    Channels [0, SHIFT) of each pixel come from the previous frame of the same stream; the others pass.
//             A frame waits for its context word, which is consumed with the frame's last beat:
//               CLEAR   the shifted channels of this frame read as zero
//               STREAM  which state the frame reads and replaces
//             The first frame of a stream since reset also reads as zero. A stream >= STREAMS reads zero, writes nothing.
// Throughput  One beat a cycle, also from frame to frame and from stream to stream.
// Latency     One cycle.
//
// The memory holds SHIFT channels of every pixel of every stream. A beat reads the word it replaces at one address in
// one cycle (a single read-first port), so nothing can come between the read and the write, whatever the pauses.
// Streams are interleaved (address = position * STREAMS + stream), which costs an adder where stream * size would
// cost a multiplier. The memory itself is never reset. `seen` is, and its bit is set only with the last beat of a
// frame: a stream is read only after all its words have been written since reset.
`default_nettype none

module temporal_shift
    import context_pkg::*;
#(
    parameter int unsigned CHANNELS,
    parameter int unsigned SHIFT,      // shifted channels, 1 .. CHANNELS
    parameter int unsigned PE,         // channels a beat: divides CHANNELS, and divides SHIFT or is not below it
    parameter int unsigned PIXELS,     // pixels a frame
    parameter int unsigned BITS,       // bits a channel
    parameter int unsigned STREAMS,    // 1 .. MAX_STREAMS
    parameter              RAM_STYLE   // "block" or "distributed"
) (
    input  wire                  clk,
    input  wire                  rst_n,

    input  wire  [PE*BITS-1:0]   in_data,
    input  wire                  in_valid,
    output logic                 in_ready,

    input  wire context_t        ctx_data,
    input  wire                  ctx_valid,
    output logic                 ctx_ready,

    output logic [PE*BITS-1:0]   out_data,
    output logic                 out_valid,
    input  wire                  out_ready
);

    localparam int unsigned Words = CHANNELS / PE;                  // beats a pixel
    localparam int unsigned Shifted = SHIFT > PE ? SHIFT / PE : 1;  // of these, beats with shifted channels
    localparam int unsigned Width = (SHIFT < PE ? SHIFT : PE) * BITS;
    localparam int unsigned Depth = STREAMS * PIXELS * Shifted;

    localparam int unsigned WordBits = Words > 1 ? $clog2(Words) : 1;
    localparam int unsigned PixelBits = PIXELS > 1 ? $clog2(PIXELS) : 1;
    localparam int unsigned StreamBits = STREAMS > 1 ? $clog2(STREAMS) : 1;
    localparam int unsigned AddressBits = Depth > 1 ? $clog2(Depth) : 1;

    initial begin
        if (SHIFT < 1 || SHIFT > CHANNELS)
            $error("temporal_shift: SHIFT=%0d must be 1 to CHANNELS=%0d", SHIFT, CHANNELS);
        if (PE < 1 || CHANNELS % PE != 0 || (PE < SHIFT && SHIFT % PE != 0))
            $error("temporal_shift: PE=%0d must divide CHANNELS=%0d, and divide SHIFT=%0d or not be below it",
                PE, CHANNELS, SHIFT);
        if (PIXELS < 1 || BITS < 1)
            $error("temporal_shift: PIXELS=%0d and BITS=%0d must be positive", PIXELS, BITS);
        if (STREAMS < 1 || STREAMS > MAX_STREAMS)
            $error("temporal_shift: STREAMS=%0d must be 1 to %0d", STREAMS, MAX_STREAMS);
        if (88'(RAM_STYLE) != 88'("block") && 88'(RAM_STYLE) != 88'("distributed"))
            $error("temporal_shift: RAM_STYLE=%s must be block or distributed", RAM_STYLE);
    end

    // Position within the frame; `base` is the address of the word for stream 0.
    logic [WordBits-1:0]    word;
    logic [PixelBits-1:0]   pixel;
    logic [AddressBits-1:0] base;
    logic [STREAMS-1:0]     seen;

    wire last_word = word == WordBits'(Words - 1);
    wire last = last_word && pixel == PixelBits'(PIXELS - 1);
    wire shifted = 32'(word) < Shifted;

    wire clear = ctx_data.CLEAR;
    wire in_range = 32'(ctx_data.STREAM) < STREAMS;
    wire [StreamBits-1:0] stream = StreamBits'(ctx_data.STREAM);
    wire [AddressBits-1:0] address = base + AddressBits'(stream);

    wire advance = !out_valid || out_ready;
    wire take = advance && in_valid && ctx_valid;
    assign in_ready = advance && ctx_valid;
    assign ctx_ready = advance && in_valid && last;

    always_ff @(posedge clk)
        if (!rst_n) begin
            out_valid <= 1'b0;
            word <= '0;
            pixel <= '0;
            base <= '0;
            seen <= '0;
        end else begin
            if (advance) out_valid <= take;
            if (take) begin
                word <= last_word ? '0 : word + 1'b1;
                if (last_word) pixel <= last ? '0 : pixel + 1'b1;
                if (last) base <= '0;
                else if (shifted) base <= base + AddressBits'(STREAMS);
                if (last && in_range) seen[stream] <= 1'b1;
            end
        end

    (* ram_style = RAM_STYLE *)
    logic [Width-1:0] memory [Depth];
    logic [Width-1:0] previous;

    always_ff @(posedge clk)
        if (take) begin
            previous <= memory[address];
            if (shifted && in_range) memory[address] <= in_data[Width-1:0];
        end

    logic [PE*BITS-1:0] current;
    logic use_previous, use_zero;

    always_ff @(posedge clk)
        if (take) begin
            current <= in_data;
            use_previous <= shifted;
            use_zero <= clear || !in_range || !seen[stream];
        end

    always_comb begin
        out_data = current;
        if (use_previous) out_data[Width-1:0] = use_zero ? '0 : previous;
    end

endmodule

`default_nettype wire
