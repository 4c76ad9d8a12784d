// SPDX-License-Identifier: BSD-3-Clause
// What of a plane the network sees, and the boxes it is shrunk by: model/preprocess.py's crop_size and _edges.
//
// Function    The part seen is the largest in the plane's centre that has the input's aspect, rounded down; with `whole`
//             it is all of the plane. It has WIDTH * column_least + column_more columns, and rows likewise; `area` is
//             column_least * row_least. Its first byte is at `address`. Told, the first alone: `error_size`, larger than
//             MAX_WIDTH x MAX_HEIGHT, or the part is smaller than the input in either direction; `error_stride`, less
//             than the width; `error_window`, the words that hold the plane are not all in [read_base, read_limit).
//             The plane is taken in the cycle in which all of this stands; it does until the next plane is looked at.
// Throughput  One multiplier and one divider, used in turn: 19 cycles and four times the dividend's bits, some 100.
// Latency     The same.
`default_nettype none

module plane_geometry #(
	parameter int unsigned ADDR_WIDTH  = 32,
	parameter int unsigned WIDTH       = 112,	// of the input, 2 or above
	parameter int unsigned HEIGHT      = 80,	// 2 or above
	parameter int unsigned MAX_WIDTH   = 4096,	// of a plane
	parameter int unsigned MAX_HEIGHT  = 2304,
	parameter int unsigned SIZE_BITS   = 13,	// bits of MAX_WIDTH and MAX_HEIGHT
	parameter int unsigned COLUMN_BITS = 6,	// bits of MAX_WIDTH / WIDTH + 1
	parameter int unsigned ROW_BITS    = 5,	// bits of MAX_HEIGHT / HEIGHT + 1
	parameter int unsigned AREA_BITS   = 11	// bits of their product
)(
	input  wire                        clk,
	input  wire                        rst_n,

	input  wire [ADDR_WIDTH-1:0]       read_base,
	input  wire [ADDR_WIDTH-1:0]       read_limit,

	input  wire [ADDR_WIDTH-1:0]       s_plane_address,
	input  wire [15:0]                 s_plane_stride,
	input  wire [15:0]                 s_plane_width,
	input  wire [15:0]                 s_plane_height,
	input  wire                        s_plane_whole,
	input  wire                        s_plane_tvalid,
	output wire                        s_plane_tready,

	output logic                       error_size,
	output logic                       error_stride,
	output logic                       error_window,
	output logic [ADDR_WIDTH-1:0]      address,
	output logic [SIZE_BITS-1:0]       columns,
	output logic [SIZE_BITS-1:0]       rows,
	output logic [COLUMN_BITS-1:0]     column_least,
	output logic [$clog2(WIDTH)-1:0]   column_more,
	output logic [ROW_BITS-1:0]        row_least,
	output logic [$clog2(HEIGHT)-1:0]  row_more,
	output logic [AREA_BITS-1:0]       area
);
	localparam int unsigned  LARGEST = MAX_WIDTH * HEIGHT > MAX_HEIGHT * WIDTH? MAX_WIDTH * HEIGHT : MAX_HEIGHT * WIDTH;
	localparam int unsigned  DIVIDEND_BITS = $clog2(LARGEST + 1);
	localparam int unsigned  DIVISOR_BITS = $clog2((WIDTH > HEIGHT? WIDTH : HEIGHT) + 1);
	localparam int unsigned  COUNT_BITS = $clog2(DIVIDEND_BITS + 1);
	localparam int unsigned  PRODUCT_BITS = 16 + SIZE_BITS;

	initial begin
		if(WIDTH < 2 || HEIGHT < 2 || WIDTH > MAX_WIDTH || HEIGHT > MAX_HEIGHT)
			$error("%m: WIDTH = %0d and HEIGHT = %0d must be 2 or above and no more than %0d and %0d.",
				WIDTH, HEIGHT, MAX_WIDTH, MAX_HEIGHT);
		if(SIZE_BITS > 16 || (MAX_WIDTH >> SIZE_BITS) != 0 || (MAX_HEIGHT >> SIZE_BITS) != 0)
			$error("%m: SIZE_BITS = %0d do not hold %0d or %0d.", SIZE_BITS, MAX_WIDTH, MAX_HEIGHT);
		if(((MAX_WIDTH / WIDTH + 1) >> COLUMN_BITS) != 0 || ((MAX_HEIGHT / HEIGHT + 1) >> ROW_BITS) != 0)
			$error("%m: COLUMN_BITS = %0d or ROW_BITS = %0d is too little.", COLUMN_BITS, ROW_BITS);
		if(((MAX_WIDTH / WIDTH + 1) * (MAX_HEIGHT / HEIGHT + 1) >> AREA_BITS) != 0)
			$error("%m: AREA_BITS = %0d is too little.", AREA_BITS);
		if(ADDR_WIDTH < PRODUCT_BITS)
			$error("%m: ADDR_WIDTH = %0d must be %0d or above.", ADDR_WIDTH, PRODUCT_BITS);
	end

	typedef enum logic [2:0] { COLUMNS, ROWS, WIDE, HIGH, AREA, FIRST, LAST, DONE } step_e;
	step_e  Step;
	logic [COUNT_BITS:0]  Cycle;	// of the step: multiplied in the first, then divided

	//-----------------------------------------------------------------------
	// One multiplier.
	wire [SIZE_BITS-1:0]  width = SIZE_BITS'(s_plane_width);
	wire [SIZE_BITS-1:0]  height = SIZE_BITS'(s_plane_height);
	logic [15:0]           factor;
	logic [SIZE_BITS-1:0]  other;
	logic [PRODUCT_BITS-1:0]  Product;
	wire [SIZE_BITS-1:0]  above = height - rows;	// half of it is above the part
	wire [SIZE_BITS-1:0]  beside = width - columns;
	always_comb begin
		factor = s_plane_stride;
		other = height - 1'b1;
		unique case(Step)
		COLUMNS: begin  factor = 16'(WIDTH);  other = height;  end
		ROWS:    begin  factor = 16'(HEIGHT);  other = width;  end
		AREA:    begin  factor = 16'(column_least);  other = SIZE_BITS'(row_least);  end
		FIRST:   other = above >> 1;
		default: ;
		endcase
	end
	always_ff @(posedge clk)  Product <= PRODUCT_BITS'(factor) * PRODUCT_BITS'(other);

	//-----------------------------------------------------------------------
	// One divider: a bit of the quotient a cycle, which takes the dividend's place.
	logic [DIVIDEND_BITS-1:0]  Dividend;
	logic [DIVISOR_BITS-1:0]   Remainder;
	wire  by_height = Step == COLUMNS || Step == HIGH;
	wire [DIVISOR_BITS-1:0]  divisor = by_height? DIVISOR_BITS'(HEIGHT) : DIVISOR_BITS'(WIDTH);
	wire [DIVISOR_BITS:0]  longer = {Remainder, Dividend[DIVIDEND_BITS-1]};
	wire [DIVISOR_BITS:0]  less = longer - {1'b0, divisor};
	wire  goes = longer >= {1'b0, divisor};
	wire  multiplied = Cycle == (COUNT_BITS+1)'(1);
	wire  divided = Cycle == (COUNT_BITS+1)'(DIVIDEND_BITS + 2);
	wire  divides = Step == COLUMNS || Step == ROWS || Step == WIDE || Step == HIGH;
	wire  step_over = divides? divided : multiplied;
	always_ff @(posedge clk) begin
		if(multiplied) begin
			Remainder <= '0;
			Dividend <= Step == WIDE? DIVIDEND_BITS'(columns) : Step == HIGH? DIVIDEND_BITS'(rows) :
				DIVIDEND_BITS'(Product);
		end
		else begin
			Remainder <= goes? less[DIVISOR_BITS-1:0] : longer[DIVISOR_BITS-1:0];
			Dividend <= {Dividend[DIVIDEND_BITS-2:0], goes};
		end
	end

	//-----------------------------------------------------------------------
	// One step after the other.
	assign  s_plane_tready = Step == DONE;
	always_ff @(posedge clk) begin
		if(!rst_n || !s_plane_tvalid || s_plane_tready) begin
			Step <= COLUMNS;
			Cycle <= '0;
		end
		else begin
			Cycle <= step_over? '0 : Cycle + 1'b1;
			if(step_over)  Step <= step_e'(Step + 1'b1);
		end
	end

	wire  too_large = 32'(s_plane_width) > MAX_WIDTH || 32'(s_plane_height) > MAX_HEIGHT;
	wire  wrong_size = too_large || column_least == '0 || row_least == '0;
	// A bit more than an address has, so that nothing wraps into the window.
	wire [ADDR_WIDTH:0]  last_row = {1'b0, s_plane_address} + (ADDR_WIDTH+1)'(Product);
	wire [ADDR_WIDTH:0]  behind = last_row + (ADDR_WIDTH+1)'(s_plane_width) + (ADDR_WIDTH+1)'(7);
	wire  unused = &{1'b0, less[DIVISOR_BITS], behind[2:0]};	// the difference is below the divisor where it counts
	wire  granted = {s_plane_address[ADDR_WIDTH-1:3], 3'b000} >= read_base &&
		{behind[ADDR_WIDTH:3], 3'b000} <= {1'b0, read_limit};
	always_ff @(posedge clk) begin
		if(s_plane_tvalid && step_over) begin
			unique case(Step)
			COLUMNS:
				columns <= s_plane_whole || Dividend >= DIVIDEND_BITS'(width)? width : Dividend[SIZE_BITS-1:0];
			ROWS:
				rows <= s_plane_whole || Dividend >= DIVIDEND_BITS'(height)? height : Dividend[SIZE_BITS-1:0];
			WIDE: begin
				column_least <= Dividend[COLUMN_BITS-1:0];
				column_more <= Remainder[$clog2(WIDTH)-1:0];
			end
			HIGH: begin
				row_least <= Dividend[ROW_BITS-1:0];
				row_more <= Remainder[$clog2(HEIGHT)-1:0];
			end
			AREA: begin
				area <= Product[AREA_BITS-1:0];
				error_size <= wrong_size;
				error_stride <= !wrong_size && s_plane_stride < s_plane_width;
			end
			FIRST:   address <= s_plane_address + ADDR_WIDTH'(beside >> 1) + ADDR_WIDTH'(Product);
			default: error_window <= !error_size && !error_stride && !granted;	// else its last row may be anywhere
			endcase
		end
	end

endmodule : plane_geometry

`default_nettype wire
