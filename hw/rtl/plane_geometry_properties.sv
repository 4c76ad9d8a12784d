// SPDX-License-Identifier: BSD-3-Clause
// plane_geometry: the part seen, its boxes and its first byte are those of model/preprocess.py, and each fault is told.
`default_nettype none

module plane_geometry_properties #(
	parameter int unsigned ADDR_WIDTH,
	parameter int unsigned WIDTH,
	parameter int unsigned HEIGHT,
	parameter int unsigned MAX_WIDTH,
	parameter int unsigned MAX_HEIGHT,
	parameter int unsigned SIZE_BITS,
	parameter int unsigned COLUMN_BITS,
	parameter int unsigned ROW_BITS,
	parameter int unsigned AREA_BITS,
	parameter int unsigned DIVIDEND_BITS
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
	input  wire                        s_plane_tready,

	input  wire                        error_size,
	input  wire                        error_stride,
	input  wire                        error_window,
	input  wire [ADDR_WIDTH-1:0]       address,
	input  wire [SIZE_BITS-1:0]        columns,
	input  wire [SIZE_BITS-1:0]        rows,
	input  wire [COLUMN_BITS-1:0]      column_least,
	input  wire [$clog2(WIDTH)-1:0]    column_more,
	input  wire [ROW_BITS-1:0]         row_least,
	input  wire [$clog2(HEIGHT)-1:0]   row_more,
	input  wire [AREA_BITS-1:0]        area,

	input  wire [15+SIZE_BITS:0]       Product	// a plane's last row is so many bytes behind its first
);
	localparam int unsigned  CYCLES = 4 * DIVIDEND_BITS + 19;	// from offered to taken
	localparam int unsigned  PLANE_BITS = 3*ADDR_WIDTH + 49;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	// The windows are those of a chip that runs: they do not change with a plane at hand.
	wire [PLANE_BITS-1:0]  plane = {read_base, read_limit, s_plane_address, s_plane_stride,
		s_plane_width, s_plane_height, s_plane_whole};
	logic [PLANE_BITS-1:0]  Plane;
	logic                   Offered;
	logic [$clog2(CYCLES+1)-1:0]  Waited;
	always_ff @(posedge clk) begin
		Plane <= plane;
		Offered <= rst_n && s_plane_tvalid && !s_plane_tready;
		Waited <= rst_n && s_plane_tvalid && !s_plane_tready? Waited + 1'b1 : '0;
	end

	// model/preprocess.py, crop_size and _edges, by counting, where the block divides.
	typedef logic [SIZE_BITS+2:0]  size_t;	// of products of the largest sizes of this proof
	function automatic size_t quotient(input size_t dividend, input int unsigned divisor);
		quotient = '0;
		for(int unsigned k = 1; k < 2**SIZE_BITS; k++)  if(32'(dividend) >= k * divisor)  quotient = size_t'(k);
	endfunction : quotient
	wire  whole = s_plane_whole;
	wire  too_large = 32'(s_plane_width) > MAX_WIDTH || 32'(s_plane_height) > MAX_HEIGHT;
	wire size_t  width = size_t'(s_plane_width);
	wire size_t  height = size_t'(s_plane_height);
	wire size_t  by_height = quotient(height * size_t'(WIDTH), HEIGHT);
	wire size_t  by_width = quotient(width * size_t'(HEIGHT), WIDTH);
	wire size_t  crop_columns = !whole && by_height < width? by_height : width;
	wire size_t  crop_rows = !whole && by_width < height? by_width : height;
	wire size_t  wide = quotient(crop_columns, WIDTH);
	wire size_t  high = quotient(crop_rows, HEIGHT);
	wire  good_size = !too_large && wide != 0 && high != 0;
	wire [SIZE_BITS-1:0]  top = (SIZE_BITS'(s_plane_height) - rows) >> 1;	// of the part, whose size is asserted
	wire [SIZE_BITS-1:0]  left = (SIZE_BITS'(s_plane_width) - columns) >> 1;
	typedef logic [ADDR_WIDTH:0]  address_t;	// and a bit more, so that nothing wraps
	wire address_t  first = address_t'(s_plane_address) + address_t'(left) + address_t'(s_plane_stride) * address_t'(top);
	wire [SIZE_BITS-1:0]   last = SIZE_BITS'(s_plane_height) - 1'b1;
	wire [15+SIZE_BITS:0]  to_last_row = (16+SIZE_BITS)'(s_plane_stride) * (16+SIZE_BITS)'(last);
	wire address_t  behind = address_t'(s_plane_address) + address_t'(Product) + address_t'(s_plane_width) + address_t'(7);
	// Whole words: from where the first one begins to where the last one ends.
	wire  good_window = (s_plane_address & ~ADDR_WIDTH'(7)) >= read_base && (behind & ~address_t'(7)) <= address_t'(read_limit);

	logic  GoodWindow;	// in the cycle before, as the block looks at it: a sum of the same bits is no work to compare
	always_ff @(posedge clk)  GoodWindow <= good_window;

	always_comb if(rst_n) begin
		if(Offered)  kept: assume(s_plane_tvalid && plane == Plane);
		if(was_reset)  reset_takes_nothing: assert(!s_plane_tready);
		in_time: assert(32'(Waited) < CYCLES);
		if(s_plane_tvalid && s_plane_tready) begin
			size: assert(error_size == !good_size);
			stride: assert(error_stride == (good_size && s_plane_stride < s_plane_width));
			if(good_size) begin
				part: assert(size_t'(columns) == crop_columns && size_t'(rows) == crop_rows);
				boxes: assert(size_t'(column_least) == wide && size_t'(row_least) == high &&
					size_t'(column_more) == crop_columns - wide * size_t'(WIDTH) &&
					size_t'(row_more) == crop_rows - high * size_t'(HEIGHT));
				boxes_area: assert(size_t'(area) == wide * high);
				first_byte: assert(address == ADDR_WIDTH'(first));
			end
			last_row: assert(Product == to_last_row);
			window: assert(error_window == (good_size && !error_stride && !GoodWindow));
			cropped: cover(good_size && !error_stride && !error_window && size_t'(columns) < width);
			uneven: cover(good_size && column_more != 0 && row_more != 0);
			outside: cover(error_window);
		end
	end

endmodule : plane_geometry_properties

bind plane_geometry plane_geometry_properties #(
	.ADDR_WIDTH(ADDR_WIDTH), .WIDTH(WIDTH), .HEIGHT(HEIGHT), .MAX_WIDTH(MAX_WIDTH), .MAX_HEIGHT(MAX_HEIGHT),
	.SIZE_BITS(SIZE_BITS), .COLUMN_BITS(COLUMN_BITS), .ROW_BITS(ROW_BITS), .AREA_BITS(AREA_BITS),
	.DIVIDEND_BITS(DIVIDEND_BITS))  properties(.*);

`default_nettype wire
