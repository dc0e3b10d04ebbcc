! Handwritten digits, classified by an exported model: all rows in one call, then one by one by a
! bound call, which must give the same bits.
!
!   ./digits digits-symbol.json digits-0000.params test.csv
program digits
  use, intrinsic :: iso_c_binding, only: c_float
  use, intrinsic :: iso_fortran_env, only: int32
  use mlpjit
  implicit none
  type(model_t) :: model
  type(bound_t) :: bound
  real(c_float), allocatable :: images(:, :), logits(:, :), alone(:)
  integer :: i

  if (command_argument_count() /= 3) error stop 'usage: digits SYMBOL_FILE PARAMETER_FILE ROWS.csv'
  call model%load(argument(1), argument(2))
  call read_rows(argument(3), model%width, images)
  allocate (logits(model%output_width, size(images, 2)), alone(model%output_width))
  call model%run(images, logits)

  call bound%bind(model)
  do i = 1, size(images, 2)
    call bound%run(images(:, i), alone)
    if (any(bits(alone) /= bits(logits(:, i)))) error stop 'a row alone has other bits'
    print '(a, *(1x, z8.8))', model%class_name(maxloc(logits(:, i), 1)), bits(logits(:, i))
  end do

contains

  function argument(i) result(text)
    integer, intent(in) :: i
    character(:), allocatable :: text
    integer :: length
    call get_command_argument(i, length=length)
    allocate (character(length) :: text)
    call get_command_argument(i, text)
  end function

  elemental integer(int32) function bits(number)
    real(c_float), intent(in) :: number
    bits = transfer(number, 0_int32)
  end function

  ! Lines of an answer, which is left out, and `width` numbers, between commas.
  subroutine read_rows(path, width, rows)
    character(*), intent(in) :: path
    integer, intent(in) :: width
    real(c_float), allocatable, intent(out) :: rows(:, :)
    real(c_float) :: answer
    character(1000) :: line
    integer :: unit, count, i, status
    open (newunit=unit, file=path, status='old', action='read')
    count = 0
    do
      read (unit, '(a)', iostat=status) line
      if (status /= 0) exit
      count = count + 1
    end do
    rewind unit
    allocate (rows(width, count))
    do i = 1, count
      read (unit, '(a)') line
      read (line, *, iostat=status) answer, rows(:, i)
      if (status /= 0) error stop path // ': a row that the model does not take'
    end do
    close (unit)
  end subroutine
end program
