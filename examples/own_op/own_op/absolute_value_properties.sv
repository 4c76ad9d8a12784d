// SPDX-License-Identifier: BSD-3-Clause
// absolute_value: beat n out is the magnitude of beat n in, in integers wider than both.
`default_nettype none

module absolute_value_properties #(
    parameter int unsigned PE,
    parameter int unsigned BITS
) (
    input wire                clk,
    input wire                rst_n,

    input wire [PE*BITS-1:0]  in_data,
    input wire                in_valid,
    input wire                in_ready,

    input wire [PE*BITS-1:0]  out_data,
    input wire                out_valid,
    input wire                out_ready
);

    logic was_reset;
    power_up start (.clk, .rst_n, .was_reset);
    axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(1)) source (
        .clk, .rst_n, .data(in_data), .valid(in_valid), .ready(in_ready));
    axi_stream_rules #(.WIDTH(PE*BITS), .ASSUME(0)) sink (
        .clk, .rst_n, .data(out_data), .valid(out_valid), .ready(out_ready));

    wire [PE*(BITS+1)-1:0] expected, actual;
    for (genvar p = 0; p < PE; p++) begin : lane
        wire signed [BITS-1:0] value = in_data[p*BITS +: BITS];
        wire signed [BITS:0]   wide = (BITS+1)'(value);
        assign expected[p*(BITS+1) +: BITS+1] = wide < 0 ? -wide : wide;
        assign actual[p*(BITS+1) +: BITS+1] = {1'b0, out_data[p*BITS +: BITS]};
    end

    wire take = in_valid && in_ready;
    wire give = out_valid && out_ready;
    wire [1:0] held;
    in_order #(.WIDTH(PE*(BITS+1)), .CAPACITY(1)) order (
        .clk, .rst_n, .push(take), .push_data(expected), .pop(give), .pop_data(actual), .held);

    always_comb if (rst_n) begin
        offered: assert (out_valid == (held != 0));
        if (out_ready) full_rate: assert (in_ready);
        if (was_reset) reset_leaves_nothing: assert (!out_valid);
        stalled: cover (in_valid && !in_ready);
        back_to_back: cover (take && give);
    end

endmodule

bind absolute_value absolute_value_properties #(.PE(PE), .BITS(BITS)) properties (.*);

`default_nettype wire
