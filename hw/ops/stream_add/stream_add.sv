// SPDX-License-Identifier: BSD-3-Clause
// Stream add: sum of two AXI4-Streams of integers, lane by lane.
//
// Function    out[p] = lhs[p] + rhs[p] for PE lanes. Each side has its own width and sign; OUT_BITS holds every sum.
//             A beat is consumed from both sides at once, when both are there.
// Throughput  One beat a cycle.
// Latency     One cycle.
`default_nettype none

module stream_add #(
    parameter int unsigned PE,
    parameter int unsigned LHS_BITS,
    parameter bit          LHS_SIGNED,
    parameter int unsigned RHS_BITS,
    parameter bit          RHS_SIGNED,
    parameter int unsigned OUT_BITS    // more than LHS_BITS and RHS_BITS
) (
    input  wire                      clk,
    input  wire                      rst_n,

    input  wire  [PE*LHS_BITS-1:0]   lhs_data,
    input  wire                      lhs_valid,
    output logic                     lhs_ready,

    input  wire  [PE*RHS_BITS-1:0]   rhs_data,
    input  wire                      rhs_valid,
    output logic                     rhs_ready,

    output logic [PE*OUT_BITS-1:0]   out_data,
    output logic                     out_valid,
    input  wire                      out_ready
);

    initial begin
        if (PE < 1 || LHS_BITS < 1 || RHS_BITS < 1)
            $error("stream_add: PE=%0d, LHS_BITS=%0d and RHS_BITS=%0d must be positive", PE, LHS_BITS, RHS_BITS);
        if (OUT_BITS <= LHS_BITS || OUT_BITS <= RHS_BITS)
            $error("stream_add: OUT_BITS=%0d must be more than LHS_BITS=%0d and RHS_BITS=%0d",
                OUT_BITS, LHS_BITS, RHS_BITS);
    end

    wire advance = !out_valid || out_ready;
    wire take = advance && lhs_valid && rhs_valid;
    assign lhs_ready = advance && rhs_valid;
    assign rhs_ready = advance && lhs_valid;

    always_ff @(posedge clk)
        if (!rst_n) out_valid <= 1'b0;
        else if (advance) out_valid <= take;

    for (genvar p = 0; p < PE; p++) begin : lane
        wire [LHS_BITS-1:0] lhs = lhs_data[p*LHS_BITS +: LHS_BITS];
        wire [RHS_BITS-1:0] rhs = rhs_data[p*RHS_BITS +: RHS_BITS];
        wire [OUT_BITS-1:0] lhs_extended = {{(OUT_BITS-LHS_BITS){LHS_SIGNED && lhs[LHS_BITS-1]}}, lhs};
        wire [OUT_BITS-1:0] rhs_extended = {{(OUT_BITS-RHS_BITS){RHS_SIGNED && rhs[RHS_BITS-1]}}, rhs};

        always_ff @(posedge clk)
            if (take) out_data[p*OUT_BITS +: OUT_BITS] <= lhs_extended + rhs_extended;
    end

endmodule

`default_nettype wire
