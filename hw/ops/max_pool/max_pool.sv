// SPDX-License-Identifier: BSD-3-Clause
// Max pool behind a depthwise window generator (AXI4-Stream, PE channels a beat).
//
// Function    Each output beat is the lane-wise maximum of KERNEL input beats in a row: the generator sends, for one
//             output pixel and one group of PE channels, all KERNEL positions of the window before the next group.
// Throughput  One input beat a cycle, hence one output beat every KERNEL cycles.
// Latency     One cycle from a window's last beat to its maximum.
`default_nettype none

module max_pool #(
    parameter int unsigned PE,
    parameter int unsigned KERNEL,     // window positions: kernel height x width
    parameter int unsigned BITS,
    parameter bit          SIGNED
) (
    input  wire                  clk,
    input  wire                  rst_n,

    input  wire  [PE*BITS-1:0]   in_data,
    input  wire                  in_valid,
    output logic                 in_ready,

    output logic [PE*BITS-1:0]   out_data,
    output logic                 out_valid,
    input  wire                  out_ready
);

    localparam int unsigned PositionBits = KERNEL > 1 ? $clog2(KERNEL) : 1;

    initial
        if (PE < 1 || KERNEL < 1 || BITS < 1)
            $error("max_pool: PE=%0d, KERNEL=%0d and BITS=%0d must be positive", PE, KERNEL, BITS);

    logic [PositionBits-1:0] position;

    wire first = position == '0;
    wire last = position == PositionBits'(KERNEL - 1);

    wire take = in_valid && in_ready;
    assign in_ready = !last || !out_valid || out_ready;

    always_ff @(posedge clk)
        if (!rst_n) begin
            out_valid <= 1'b0;
            position <= '0;
        end else begin
            if (take && last) out_valid <= 1'b1;
            else if (out_ready) out_valid <= 1'b0;
            if (take) position <= last ? '0 : position + 1'b1;
        end

    logic [PE*BITS-1:0] best, next;

    for (genvar p = 0; p < PE; p++) begin : lane
        wire [BITS-1:0] value = in_data[p*BITS +: BITS];
        wire [BITS-1:0] held = best[p*BITS +: BITS];
        // Flipping the sign bits orders two's complement numbers like unsigned ones.
        wire [BITS-1:0] flip = BITS'(SIGNED) << (BITS - 1);
        wire greater = (value ^ flip) > (held ^ flip);
        assign next[p*BITS +: BITS] = first || greater ? value : held;
    end

    always_ff @(posedge clk)
        if (take) begin
            best <= next;
            if (last) out_data <= next;
        end

endmodule

`default_nettype wire
