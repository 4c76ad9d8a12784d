// SPDX-License-Identifier: BSD-3-Clause
// Global accumulating pool: sum of every channel over all pixels of a frame (AXI4-Stream, NHWC, PE channels a beat).
//
// Function    CHANNELS / PE accumulators of PE lanes. The sums leave with the beats of the frame's last pixel.
// Throughput  One input beat a cycle, also from frame to frame; only the last pixel's beats wait for the output.
// Latency     One cycle from a beat of the last pixel to its sum.
`default_nettype none

module global_acc_pool #(
    parameter int unsigned CHANNELS,
    parameter int unsigned PE,         // divides CHANNELS
    parameter int unsigned PIXELS,     // pixels a frame
    parameter int unsigned IN_BITS,
    parameter bit          SIGNED,
    parameter int unsigned OUT_BITS    // holds PIXELS * the largest magnitude of the input
) (
    input  wire                      clk,
    input  wire                      rst_n,

    input  wire  [PE*IN_BITS-1:0]    in_data,
    input  wire                      in_valid,
    output logic                     in_ready,

    output logic [PE*OUT_BITS-1:0]   out_data,
    output logic                     out_valid,
    input  wire                      out_ready
);

    localparam int unsigned Words = CHANNELS / PE;
    localparam int unsigned WordBits = Words > 1 ? $clog2(Words) : 1;
    localparam int unsigned PixelBits = PIXELS > 1 ? $clog2(PIXELS) : 1;

    initial begin
        if (PE < 1 || CHANNELS < 1 || CHANNELS % PE != 0)
            $error("global_acc_pool: PE=%0d must divide CHANNELS=%0d", PE, CHANNELS);
        if (PIXELS < 1 || IN_BITS < 1 || OUT_BITS < IN_BITS)
            $error("global_acc_pool: PIXELS=%0d and IN_BITS=%0d must be positive, OUT_BITS=%0d not below IN_BITS",
                PIXELS, IN_BITS, OUT_BITS);
    end

    logic [WordBits-1:0]  word;
    logic [PixelBits-1:0] pixel;

    wire last_word = word == WordBits'(Words - 1);
    wire first_pixel = pixel == '0;
    wire last_pixel = pixel == PixelBits'(PIXELS - 1);

    wire take = in_valid && in_ready;
    assign in_ready = !last_pixel || !out_valid || out_ready;

    always_ff @(posedge clk)
        if (!rst_n) begin
            out_valid <= 1'b0;
            word <= '0;
            pixel <= '0;
        end else begin
            if (take && last_pixel) out_valid <= 1'b1;
            else if (out_ready) out_valid <= 1'b0;
            if (take) begin
                word <= last_word ? '0 : word + 1'b1;
                if (last_word) pixel <= last_pixel ? '0 : pixel + 1'b1;
            end
        end

    (* ram_style = "distributed" *)
    logic [PE*OUT_BITS-1:0] sums [Words];
    wire [PE*OUT_BITS-1:0] sum = sums[word];
    logic [PE*OUT_BITS-1:0] next;

    for (genvar p = 0; p < PE; p++) begin : lane
        wire [IN_BITS-1:0] value = in_data[p*IN_BITS +: IN_BITS];
        logic [OUT_BITS-1:0] extended;
        always_comb begin
            extended = {OUT_BITS{SIGNED && value[IN_BITS-1]}};
            extended[IN_BITS-1:0] = value;
        end
        assign next[p*OUT_BITS +: OUT_BITS] = (first_pixel ? '0 : sum[p*OUT_BITS +: OUT_BITS]) + extended;
    end

    always_ff @(posedge clk)
        if (take) begin
            sums[word] <= next;
            if (last_pixel) out_data <= next;
        end

endmodule

`default_nettype wire
