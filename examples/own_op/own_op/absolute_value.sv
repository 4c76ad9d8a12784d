// SPDX-License-Identifier: BSD-3-Clause
// Absolute value of an AXI4-Stream of signed integers, lane by lane.
//
// Function    out[p] = |in[p]| for PE lanes. The output is unsigned and has as many bits, which hold |-2**(BITS-1)|.
// Throughput  One beat a cycle.
// Latency     One cycle.
`default_nettype none

module absolute_value #(
    parameter int unsigned PE,
    parameter int unsigned BITS
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

    initial
        if (PE < 1 || BITS < 2) $error("absolute_value: PE=%0d must be positive, and BITS=%0d at least 2", PE, BITS);

    assign in_ready = !out_valid || out_ready;

    always_ff @(posedge clk)
        if (!rst_n) out_valid <= 1'b0;
        else if (in_ready) out_valid <= in_valid;

    for (genvar p = 0; p < PE; p++) begin : lane
        wire [BITS-1:0] value = in_data[p*BITS +: BITS];

        always_ff @(posedge clk)
            if (in_ready) out_data[p*BITS +: BITS] <= value[BITS-1] ? -value : value;
    end

endmodule

`default_nettype wire
