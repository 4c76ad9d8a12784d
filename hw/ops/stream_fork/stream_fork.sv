// SPDX-License-Identifier: BSD-3-Clause
// Stream fork: every input beat goes to every output once (AXI4-Stream).
//
// Function    Eager fork: an output takes its copy as soon as it is ready, without waiting for the others; the input
//             beat is consumed when the last output has taken it. Output k is bit k of out_valid and out_ready, and
//             slice k of out_data.
// Throughput  One beat a cycle.
// Latency     None (combinational from input to output).
`default_nettype none

module stream_fork #(
    parameter int unsigned WIDTH,
    parameter int unsigned OUTPUTS     // 2 or more
) (
    input  wire                          clk,
    input  wire                          rst_n,

    input  wire  [WIDTH-1:0]             in_data,
    input  wire                          in_valid,
    output logic                         in_ready,

    output logic [OUTPUTS*WIDTH-1:0]     out_data,
    output logic [OUTPUTS-1:0]           out_valid,
    input  wire  [OUTPUTS-1:0]           out_ready
);

    initial
        if (WIDTH < 1 || OUTPUTS < 2)
            $error("stream_fork: WIDTH=%0d must be positive and OUTPUTS=%0d at least 2", WIDTH, OUTPUTS);

    logic [OUTPUTS-1:0] served;        // outputs that already have the beat that waits at the input

    wire [OUTPUTS-1:0] satisfied = served | out_ready;
    assign in_ready = &satisfied;
    assign out_valid = {OUTPUTS{in_valid}} & ~served;
    assign out_data = {OUTPUTS{in_data}};

    always_ff @(posedge clk)
        if (!rst_n) served <= '0;
        else if (in_valid) served <= in_ready ? '0 : satisfied;

endmodule

`default_nettype wire
