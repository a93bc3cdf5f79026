C     SPDX-License-Identifier: Apache-2.0
C     LORENZ (1963) BY HEUN'S METHOD. ALL STATE IS IN COMMON BLOCKS.
      SUBROUTINE RHS(Y, F)
      DOUBLE PRECISION Y(3), F(3)
      DOUBLE PRECISION SIGMA, RHO, BETA, DT
      COMMON /PARAM/ SIGMA, RHO, BETA, DT
      F(1) = SIGMA*(Y(2) - Y(1))
      F(2) = Y(1)*(RHO - Y(3)) - Y(2)
      F(3) = Y(1)*Y(2) - BETA*Y(3)
      END

      SUBROUTINE ADVANC(N)
      INTEGER N, I, K
      DOUBLE PRECISION F(3), G(3), Y(3)
      DOUBLE PRECISION SIGMA, RHO, BETA, DT
      COMMON /PARAM/ SIGMA, RHO, BETA, DT
      DOUBLE PRECISION X, HIST, T
      INTEGER NSTEP
      COMMON /STATE/ X(3), HIST(3,4), T, NSTEP
      DO 30 K = 1, N
         CALL RHS(X, F)
         DO 10 I = 1, 3
            Y(I) = X(I) + DT*F(I)
   10    CONTINUE
         CALL RHS(Y, G)
         DO 20 I = 1, 3
            X(I) = X(I) + 0.5D0*DT*(F(I) + G(I))
            HIST(I, 1 + MOD(NSTEP, 4)) = X(I)
   20    CONTINUE
         T = T + DT
         NSTEP = NSTEP + 1
   30 CONTINUE
      END

      BLOCK DATA
      CHARACTER*16 TITLE
      COMMON /IDENT/ TITLE
      DATA TITLE /'LORENZ 63'/
      END
